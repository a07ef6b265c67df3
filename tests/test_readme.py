"""README.md and docs/ say what is true: their Python runs, their links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.count("\n"))
def test_python_of_the_readme_runs(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # it may write files
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})
    accuracy = re.search(r"test accuracy (\d+\.\d)%", capsys.readouterr().out)
    assert ("accuracy" in block) == bool(accuracy)
    if accuracy:
        assert float(accuracy[1]) > 90


def test_the_training_loop_is_the_first_block():
    assert "optimizer.step()" in BLOCKS[0] and len(BLOCKS) == 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def test_commands_are_marked_for_ci():
    for name in ("train", "test"):
        assert re.search(rf"<!-- ci:{name} -->\n```bash\n[^`]+```", README.read_text())
