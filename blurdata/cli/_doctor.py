"""What ``blurdata doctor`` looks at: installed packages, what they can do, and which of them break each other."""

import platform
from collections.abc import Iterable
from importlib import import_module, metadata
from typing import Any

_NEEDED = (
    "numpy",
    "cv2",
    "av",
    "numba",
    "scipy",
    "h5py",
    "hdf5plugin",
    "zlib_ng",
    "blake3",
    "torch",
    "torchvision",
    "albumentations",
    "datasets",
    "pydantic",
    "skimage",
)
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_DECODERS = ("h264", "hevc", "vp9", "av1", "mjpeg", "png", "rawvideo")


def examine() -> dict[str, Any]:
    """Versions, abilities and faults, JSON-able; ``ok`` is whether there is no fault."""
    modules, faults = _import_all()
    faults += opencv_clash(_installed(_OPENCV)) + albumentations_x(_installed(["albumentationsx"])) + _unmet()
    video, video_faults = _video(modules.get("av"))
    found = {
        "versions": _versions(modules),
        "video": video,
        "storage": _storage(modules),
        "cuda": _cuda(modules.get("torch")),
        "faults": faults + video_faults,
    }
    return {"ok": not found["faults"], **found}


def _import_all() -> tuple[dict[str, Any], list[str]]:
    modules, faults = {}, []
    for name in _NEEDED:
        try:
            modules[name] = import_module(name)
        except Exception as error:  # a broken wheel raises anything from OSError to AttributeError
            faults.append(f"the module '{name}' cannot be imported ({type(error).__name__}: {error}); reinstall blurdata with pip.")
    return modules, faults


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def opencv_clash(wheels: dict[str, str]) -> list[str]:
    """A fault where several OpenCV wheels share one ``cv2`` folder: each overwrites files of the other."""
    if len(wheels) < 2:
        return []
    names = " ".join(wheels)
    return [f"{len(wheels)} OpenCV wheels overwrite each other: pip uninstall -y {names} && pip install opencv-python-headless"]


def albumentations_x(found: dict[str, str]) -> list[str]:
    """A fault where the AGPL successor sits under the name of albumentations."""
    if not found:
        return []
    return [
        "AlbumentationsX (AGPL) is installed under the module name of albumentations: "
        "pip uninstall -y albumentationsx albumentations && pip install 'albumentations>=2.0.8,<2.1'"
    ]


def _unmet() -> list[str]:
    """Requirements of blurdata's own metadata that the installed versions do not meet."""
    from packaging.requirements import Requirement

    try:
        needed = metadata.requires("blurdata") or []
    except metadata.PackageNotFoundError:
        return []  # run from a plain copy of the folder
    faults = []
    for text in needed:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        version = _installed([wanted.name]).get(wanted.name)
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            faults.append(f"{wanted.name} {version or 'is missing'}, but {wanted} is needed: pip install '{wanted}'")
    return faults


def _versions(modules: dict[str, Any]) -> dict[str, str]:
    import blurdata

    own = {"blurdata": blurdata.__version__, "python": platform.python_version(), "system": platform.platform()}
    return own | {name: str(getattr(module, "__version__", None) or metadata.version(name)) for name, module in modules.items()}


def _video(av: Any) -> tuple[dict[str, str], list[str]]:
    if av is None:
        return {}, []
    missing = []
    for name in _DECODERS:
        try:
            av.codec.Codec(name, "r")
        except Exception:  # PyAV's own error class moved between versions
            missing.append(name)
    said = {
        "decodes": ", ".join(name for name in _DECODERS if name not in missing),
        "FFmpeg libraries": ", ".join(f"{name} {'.'.join(map(str, version))}" for name, version in sorted(av.library_versions.items())),
    }
    faults = [f"PyAV cannot decode {name}: pip install --force-reinstall av" for name in missing if name in ("h264", "hevc")]
    return said, faults


def _storage(modules: dict[str, Any]) -> dict[str, str]:
    h5py = modules.get("h5py")
    if h5py is None:
        return {}
    zstd = 32015  # the filter's registered number
    return {
        "HDF5": h5py.version.hdf5_version,
        "zstd filter": "yes" if h5py.h5z.filter_avail(zstd) else "no (shards with zstd cannot be read)",
    }


def _cuda(torch: Any) -> dict[str, str]:
    if torch is None:
        return {}
    if not torch.cuda.is_available():
        return {"available": "no", "built for": str(torch.version.cuda or "CPU only")}
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"available": "yes", "built for": str(torch.version.cuda), "devices": ", ".join(names)}
