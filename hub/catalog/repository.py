"""What `main` of a task's repository holds when nobody has contributed yet: a README and the starters."""

from __future__ import annotations

from bench_runner.contract import Bundle
from tasks.spec import LANGUAGES
from tasks.spec import Task as Spec

README = """# {title_en} · {title_zh}

{summary_en}

{summary_zh}

Task, rules and board · 任务、规则与榜单: {site}/tasks/{slug}/

## How to contribute · 如何贡献

```
mkdir -p solutions/YOUR-NAME
cp starter/{language}/* solutions/YOUR-NAME/
# edit solutions/YOUR-NAME/{entry}
git add solutions && git commit -m "What I did"
git push origin HEAD:YOUR-NAME/first-try
```

Your work lives in `solutions/YOUR-NAME/` and nowhere else; exactly one entry file of {entries} must be there.
The push answers with the address of your pull request, where the judge can be followed live.

你的代码只放在 `solutions/你的用户名/` 下，其中必须恰好有一个入口文件（{entries}）。
推送后终端会给出合并请求的网址，可以在那里实时查看评测。

The folders under `solutions/` are accepted work of others: read and learn.
`solutions/` 下是已被接受的他人作品，欢迎学习。
"""


def first_tree(spec: Spec, files: Bundle, site_url: str) -> Bundle:
    """Path -> content of the first commit."""
    first = LANGUAGES[spec.entry.languages[0]]
    readme = README.format(
        title_en=spec.title.en,
        title_zh=spec.title.zh,
        summary_en=spec.summary.en,
        summary_zh=spec.summary.zh,
        site=site_url,
        slug=spec.slug,
        language=first.id,
        entry=first.entry,
        entries=", ".join(f"`{LANGUAGES[name].entry}`" for name in spec.entry.languages),
    )
    starters = {path: content for path, content in files.items() if path.startswith("starter/")}
    return {"README.md": readme.encode(), **starters}
