# NYUv2's raw sequences, 482 thousand pairs, in place of the labelled set:
# train_dataloader.dataset.datasets.nyuv2 = further.nyuv2_raw
further = dict(nyuv2_raw=dict(type='mmvd.NYUv2RawDataset', data_root='{{$MMVD_DATA:data}}/nyuv2_raw'))
