# The nine datasets of the paper, drawn evenly: 20 000 samples an epoch. A subset is chosen by
# train_dataloader.dataset.only.
_base_ = './rooms_val.py'
nine = dict(
    # LineMod has no real training images in the BOP layout: its sequences are in "test". Those of the second one are
    # LM-O's test images.
    lm=dict(type='mmvd.BOPDataset', data_root='{{$MMVD_DATA:data}}/lm', split='test', exclude='^test/000002/'),
    tless=dict(type='mmvd.BOPDataset', data_root='{{$MMVD_DATA:data}}/tless', split='train_primesense'),
    ycbv=dict(type='mmvd.BOPDataset', data_root='{{$MMVD_DATA:data}}/ycbv', split='train_real'),
    graspnet=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/graspnet',
        decoder='mm16',
        images='scenes/*/*/rgb/*.png',
        exclude='^scenes/scene_01',  # the scenes from 100 on are those of its tests
        depth_from=('/rgb/', '/depth/'),
        camera_from=('/rgb/.*', '/camK.npy'),
    ),
    nyuv2=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/nyuv2',
        decoder='mm16',
        images='train/images/*_rgb.png',
        depth_from=(r'images/(.*)_rgb\.png', r'depth/\1_depth.png'),
        intrinsics=(518.8579, 519.4696, 325.5824, 253.7362),  # of its one camera, out of the dataset's toolbox
    ),
    matterport3d=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/matterport3d',
        decoder='div4000',
        images='*/undistorted_color_images/*.jpg',
        depth_from=(r'undistorted_color_images/(.*)_i(\d_\d)\.jpg', r'undistorted_depth_images/\1_d\2.png'),
        camera_from=('^([^/]+)/.*', r'\1/undistorted_camera_parameters/\1.conf'),
    ),
    scannet=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/scannet',
        decoder='mm16',
        images='scans/*/color/*.jpg',
        depth_from=(r'color/(.*)\.jpg', r'depth/\1.png'),
        camera_from=('color/.*', 'intrinsic/intrinsic_color.txt'),
        resize_image=True,  # its colour is larger than its depth
    ),
    blendedmvs=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/blendedmvs',
        decoder='pfm',
        images='*/blended_images/*.jpg',
        exclude='_masked',
        depth_from=(r'blended_images/(.*)\.jpg', r'rendered_depth_maps/\1.pfm'),
        camera_from=(r'blended_images/(.*)\.jpg', r'cams/\1_cam.txt'),
    ),
    cityscapes=dict(
        type='mmvd.CityscapesDepthDataset',
        data_root='{{$MMVD_DATA:data}}/cityscapes',
        images='leftImg8bit/train/*/*_leftImg8bit.png',
    ),
)
load = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.GuessIntrinsics'),  # read by P3DE alone; where a dataset has none
    dict(type='mmvd.RGBDRandomRotate'),
]
augment = [
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5, vertical=0.5),
    dict(type='mmvd.RandomColorJitter'),
    dict(type='mmvd.RandomGrayscale'),
    dict(type='mmvd.RequireDepth'),
    dict(type='mmvd.PackRGBDInputs'),
]
train_pipeline = [*load, dict(type='mmvd.RGBDRandomResizedCrop', size=224), *augment]
global_batch_size = 128  # of all processes together; another one is warned of
train_dataloader = dict(
    batch_size=128,
    num_workers=16,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True),
    dataset=dict(type='mmvd.EvenMixture', datasets=nine, samples_per_epoch=20000, pipeline=train_pipeline),
)
