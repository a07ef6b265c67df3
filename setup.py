"""Build the kernels once per instruction set, from one source.

`fastnn/_kernels/*.pyx` is copied into one package per ISA under the build folder
(`fastnn._kernels.avx2.gemm` and so on), each compiled with its own flags; relative cimports
resolve inside the same package. `fastnn/_kernels/__init__.py` picks one at import.

Environment: FASTNN_BUILD_ISA=avx2,avx512 builds only those (for quick development builds);
FASTNN_BUILD_OPENMP=0 builds serial kernels.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
KERNELS = Path("fastnn") / "_kernels"
GENERATED = Path("build") / "isa"

# name -> compiler flags; fastnn/_kernels/cpu.pyx knows the same names.
if platform.machine().lower() in ("x86_64", "amd64"):
    ISAS = {
        "baseline": ["-march=x86-64-v2"],
        "avx2": ["-march=x86-64-v3"],
        "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    }
else:
    ISAS = {"baseline": []}

# -fno-math-errno and -fno-trapping-math let loops vectorise and change no result;
# -ffast-math would (and it changes the whole process).
COMPILE_FLAGS = [
    "-O3", "-std=gnu11", "-g0", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing",
    "-Wno-unused-function", "-Wno-unused-variable",
]  # fmt: skip
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": False,
    "binding": False,
}


def chosen_isas():
    names = os.environ.get("FASTNN_BUILD_ISA")
    if not names:
        return list(ISAS)
    unknown = set(names.split(",")) - set(ISAS)
    if unknown:
        sys.exit(f"FASTNN_BUILD_ISA: unknown {sorted(unknown)}; this machine's are {list(ISAS)}")
    return names.split(",")


def copy_sources(isa):
    """Copy the kernel sources to the ISA's own package; untouched files keep their time."""
    folder = GENERATED / KERNELS / isa
    folder.mkdir(parents=True, exist_ok=True)
    for package in (GENERATED / "fastnn", GENERATED / KERNELS, folder):
        (package / "__init__.py").touch()
    kinds = (".pyx", ".pxd", ".h")
    sources = [p for p in KERNELS.iterdir() if p.suffix in kinds and p.stem != "cpu"]
    names = {p.name for p in sources} | {p.stem + ".c" for p in sources} | {"__init__.py"}
    for stale in [p for p in folder.iterdir() if p.name not in names]:
        stale.unlink()
    for source in sources:
        copy = folder / source.name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copy)
    return folder


def extensions():
    numpy_include = numpy.get_include()
    macros = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")]
    # Finds out, before any vector instruction runs, which of the packages this machine can run.
    cpu = str(KERNELS / "cpu.pyx")
    found = [Extension("fastnn._kernels.cpu", [cpu], extra_compile_args=["-O1"])]
    for isa in chosen_isas():
        folder = copy_sources(isa)
        headers = [str(p) for p in folder.glob("*.h")]
        for source in sorted(folder.glob("*.pyx")):
            found.append(
                Extension(
                    f"fastnn._kernels.{isa}.{source.stem}",
                    [str(source)],
                    include_dirs=[str(folder), numpy_include],
                    depends=headers,
                    define_macros=macros,
                    extra_compile_args=COMPILE_FLAGS + ISAS[isa],
                )
            )
    return found


def translated():
    """{C file that Cython wrote: (its code, its time)}; the first comment holds paths."""
    return {
        path: (path.read_text().split("END: Cython Metadata", 1)[-1], path.stat().st_mtime_ns)
        for path in GENERATED.rglob("*.c")
    }


def translate():
    """cythonize, so that a second build in the same tree compiles nothing again. In each of the
    environments that pip makes for a build NumPy's files are new: C files that come out with the
    same code as before keep their time, and NumPy's headers are not what extensions depend on."""
    before = translated()
    modules = cythonize(
        extensions(),
        include_path=[str(GENERATED)],
        compiler_directives=DIRECTIVES,
        build_dir=None,
        nthreads=os.cpu_count() or 1,
        quiet=True,
    )
    for path, (code, time) in translated().items():
        if path in before and before[path][0] == code:
            os.utime(path, ns=(time, before[path][1]))
    for module in modules:
        module.depends = [path for path in module.depends if not os.path.isabs(path)]
    return modules


def openmp_flags(compiler):
    """(compile, link) flags of a compiler that builds and links an OpenMP program, or None."""
    candidates = [(["-fopenmp"], ["-fopenmp"])]
    if sys.platform == "darwin":
        candidates = [(["-Xpreprocessor", "-fopenmp"], ["-lomp"])]
    program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
    for compile_flags, link_flags in candidates:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text(program)
            command = [*compiler, *compile_flags, str(source), "-o", f"{folder}/probe", *link_flags]
            if subprocess.run(command, capture_output=True).returncode == 0:
                return compile_flags, link_flags
    return None


class BuildKernels(build_ext):
    """build_ext with OpenMP where the compiler has it, on all cores."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count() or 1

    def build_extensions(self):
        wanted = os.environ.get("FASTNN_BUILD_OPENMP", "1") != "0"
        flags = openmp_flags(self.compiler.compiler_so[:1]) if wanted else None
        if flags is None:
            warnings.warn(
                "fastnn: building without OpenMP: every kernel will run on one thread"
                + ("" if wanted else " (FASTNN_BUILD_OPENMP=0)"),
                stacklevel=1,
            )
        else:
            for extension in self.extensions:
                if extension.name != "fastnn._kernels.cpu":  # loads nothing that starts threads
                    extension.extra_compile_args += flags[0]
                    extension.extra_link_args += flags[1]
        super().build_extensions()

    def copy_extensions_to_source(self):
        for extension in self.extensions:
            Path(self.get_ext_fullpath(extension.name)).parent.mkdir(exist_ok=True)
        super().copy_extensions_to_source()


class BuildPython(build_py):
    """build_py that leaves the Cython sources out of the wheel (they are in the sdist)."""

    def find_data_files(self, package, src_dir):
        files = super().find_data_files(package, src_dir)
        return [f for f in files if Path(f).suffix not in (".pyx", ".pxd", ".h", ".c")]


if __name__ == "__main__":
    os.chdir(ROOT)
    setup(ext_modules=translate(), cmdclass={"build_ext": BuildKernels, "build_py": BuildPython})
