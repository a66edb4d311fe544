"""Packaging of mmvd: neither OpenMMLab stack is required, one of the extras brings it (docs/guides/stacks.md)."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
MIM = ('configs', 'tools', 'model-index.yml')  # what OpenMMLab's packages carry in a folder .mim
VERSION = re.search(r"__version__ = .([^']+)", (HERE / 'mmvd' / 'version.py').read_text())[1]

# Lower bounds are the versions that `make test-oldest` runs on, here and in the extras up to `export`.
CORE = [
    'torch>=2.8',  # older ones cannot export what completes, nor, before 2.6, resume
    'torchvision>=0.23',  # joint geometry on tensors, NMS of the stand-in operators
    'timm>=1.0.22',  # ViT blocks: attention through SDPA, LayerScale, SwiGLU
    'safetensors>=0.4.2',  # weights that cannot carry code
    'numpy>=1.26',
    'opencv-python>=4.10.0.84,<5',  # image and depth files; inpainting is wrong before 4.10, 5.0 reads no EXR
    'pillow>=10.4',  # heads of image files
    'simplejpeg>=1.8',  # a JPEG decoder that tells of damaged data; OpenCV's and Pillow's fill it with grey
    'matplotlib>=3.8',  # colour maps of the panels (mmengine's visualizer needs it as well)
    'tqdm>=4.60',  # the bars of loaders, lists and tools
    'rich>=12.6',  # the bar of the inferencers, above which results are printed (mmengine needs it as well)
    'scipy>=1.11.1',  # nearest points, hulls and rotations of 6D poses; MATLAB files (mmdet needs it as well)
]
HOST_NEEDS = [
    'transformers>=4.49,<4.50',  # models that predict depth; mmpretrain's multimodal ones break on later ones
    'ftfy',  # imported by mmseg.models, declared by neither stack
    'regex',  # the same
]
ONEDL = [
    'onedl-mmengine==0.10.12',
    'onedl-mmcv==2.3.6',
    'onedl-mmpretrain==1.3.6',
    'onedl-mmsegmentation==1.4.2',
    'onedl-mmdetection==3.5.1',
]
UPSTREAM = [
    'mmengine==0.10.7',
    'mmcv-lite==2.1.0',
    'mmpretrain==1.2.0',
    'mmsegmentation==1.2.2',
    'mmdet==3.3.0',
    'setuptools<81',  # mmengine 0.10.7 imports pkg_resources
    'numpy<2',  # mmpretrain 1.2.0 calls np.in1d
    'opencv-python<4.12',  # the last that runs on numpy 1
    'pyarrow<21',  # later ones may ask for numpy 2
]


class BuildWithConfigs(build_py):
    """Copies configs and tools into the package, where ``find_config`` looks outside a checkout."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'mmvd' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        for name in MIM:
            copy = shutil.copytree if (HERE / name).is_dir() else shutil.copy
            target.mkdir(parents=True, exist_ok=True)
            copy(
                HERE / name,
                target / name,
                **({'ignore': shutil.ignore_patterns('__pycache__')} if (HERE / name).is_dir() else {}),
            )


setup(
    name='mmvd',
    version=VERSION,
    description='Vanishing Depth for OpenMMLab: a metric-depth adapter for frozen RGB vision transformers',
    long_description=(HERE / 'README.md').read_text() if (HERE / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmvd', 'mmvd.*']),
    package_data={'mmvd': ['shipped/*']},  # the model of mmvd.load_model()
    python_requires='>=3.10,<3.13',
    install_requires=CORE,
    cmdclass={'build_py': BuildWithConfigs},
    extras_require={
        'onedl': ONEDL + HOST_NEEDS,
        'upstream': UPSTREAM + HOST_NEEDS,
        # two processes; independent references of AUC, mIoU, probes; random bytes for every reader; point clouds read
        # back; wheels; a browser that opens the demo
        'test': [
            'pytest>=8,<9.2',  # pytest-xdist 3.8 keeps no group together under 9.2
            'pytest-xdist>=3.5',
            'scikit-learn>=1.4',
            'hypothesis>=6.100',
            'plyfile>=1.0.3',
            'setuptools>=70.1',
            'websockets>=12',
        ],
        'data': [
            'h5py>=3.10',  # MATLAB files of SUN RGB-D and NYUv2
            'pyarrow>=16',  # the index of a dataset's samples and of archives: columns mapped into memory
            'webdataset>=1.0.2',  # writes tar shards in its layout
        ],
        'pose': [
            'trimesh>=4',  # meshes of objects
            'embreex>=2.17.7',  # renders their depth on the CPU, without OpenGL
        ],
        'bench': ['perlin-numpy==0.0.1'],  # what batched Perlin noise is compared with
        'real': ['onnx>=1.17'],  # reads the ViT-S/14 of the real-frames experiment
        'export': [
            'onnx>=1.17',
            'onnxscript>=0.7',
            'onnxruntime>=1.18',
        ],  # the graph, what writes it, what runs it beside eager
        'demo': ['gradio>=5', 'plotly>=5'],  # the page of `python -m mmvd demo --serve`, and its 3-D view
        'docs': [
            'mkdocs-material>=9.5',
            'mkdocstrings[python]>=0.26',
            "pymdown-extensions<12; python_version < '3.11'",  # the last mkdocstrings for it knows no later ones
        ],  # the site, and the API reference from the docstrings
        'lint': ['ruff>=0.6', 'vermin>=1.6'],  # style; whether all runs on the oldest Python above
    },
)
