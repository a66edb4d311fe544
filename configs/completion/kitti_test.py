# Table 2: KITTI depth completion, the anonymous test set: files for the benchmark's server, no numbers.
_base_ = './kitti_selection.py'
test_dataloader = dict(dataset=dict(split='test', pipeline={{_base_.dense_pipeline}}))
test_evaluator = dict(_delete_=True, type='mmvd.KITTISubmissionWriter', out_dir='work_dirs/kitti_submission')
paper = dict(_delete_=True, rmse_mm=dict(scratch=1695.51, eva02=1626.22, dinov2=1625.06))
