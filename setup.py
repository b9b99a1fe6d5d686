"""Put the flows, tasks and deployments into the wheel as data of `pressrun`, so that it installs no other package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = ("prefect.yaml", "flows", "tasks", "deployments/automations.yaml", "examples")
"""What a project folder needs; `pressrun.project` finds it in the wheel."""


class BuildWithProject(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "pressrun" / "project_files"
        shutil.rmtree(target, ignore_errors=True)
        for name in FILES:
            source, copy = Path(name), target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, copy)


setup(cmdclass={"build_py": BuildWithProject})
