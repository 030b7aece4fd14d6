# ruff: noqa: E501 - sentences for people, a line each; the linter counts a Chinese character twice
"""What is said to people: one table from a reason's id to what happened, why, and what to do next.

Not in charge of deciding which reason holds (`build.py`, `check.py`, `timing.py`, `director.py`). Imports nothing
of this package but the contract, so that the hub can show the words.

A reason belongs to exactly one outcome, or, when our side is to blame, to none: those become infrastructure
faults, never verdicts. To add a reason: an entry here, and the place that raises it; a test looks for both.
Texts are filled by `str.format` with the reason's arguments; `args` names them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench_runner.contract import Outcome

CONTRIBUTOR = "contributor"
PLATFORM = "platform"


@dataclass(frozen=True)
class Words:
    """Three sentences in one language: what happened, why that ends the run, what to do next."""

    what: str
    why: str
    next: str

    def filled(self, args: Mapping[str, Any]) -> Words:
        return Words(*(_fill(text, args) for text in (self.what, self.why, self.next)))


@dataclass(frozen=True)
class Reason:
    id: str
    outcome: Outcome | None  # None: ours, becomes an infrastructure fault
    args: tuple[str, ...]
    en: Words
    zh: Words

    @property
    def blame(self) -> str:
        return PLATFORM if self.outcome is None else CONTRIBUTOR

    def words(self, language: str, args: Mapping[str, Any]) -> Words:
        chosen = self.zh if language.lower().startswith("zh") else self.en
        return chosen.filled({name: args.get(name, "?") for name in self.args})


def _fill(text: str, args: Mapping[str, Any]) -> str:
    return text.format(**{name: _shown(value) for name, value in args.items()})


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


_TABLE = (
    # --- passed -----------------------------------------------------------------------------------------------
    Reason(
        "all_cases_right", Outcome.PASSED, ("cases",),
        Words("Right in all {cases} cases.",
              "Every element of every output agreed with the reference, on inputs nobody had seen before.",
              "If the task ranks speed, the timing follows on its own."),
        Words("{cases} 个用例全部正确。",
              "在从未公开的输入上，每个输出的每个元素都与参考答案一致。",
              "如果任务比较速度，计时会自动接着进行。"),
    ),
    Reason(
        "measured", Outcome.PASSED, ("pairs",),
        Words("Right in every timed call, and measured against the baseline.",
              "{pairs} fresh pairs of processes were timed in turns, and every timed output was compared.",
              "See the table for the ratio of each case; a board lists it when the task ranks speed."),
        Words("每次计时调用的结果都正确，并已与基线对比测量。",
              "共 {pairs} 对全新进程交替计时，每个计时输出都经过比较。",
              "各用例的比值见下表；若任务比较速度，成绩会出现在榜单上。"),
    ),
    # --- build_failed -----------------------------------------------------------------------------------------
    Reason(
        "no_entry_file", Outcome.BUILD_FAILED, ("allowed",),
        Words("No entry file was found.",
              "A submission must have exactly one of: {allowed}; it is what gets built.",
              "Add the file directly in your own folder, not in a folder below it, and push again."),
        Words("没有找到入口文件。",
              "提交中必须恰好有以下文件之一：{allowed}；构建从它开始。",
              "请把该文件直接放在你自己的目录下（不要放进子目录），然后重新推送。"),
    ),
    Reason(
        "several_entry_files", Outcome.BUILD_FAILED, ("found", "allowed"),
        Words("There is more than one entry file: {found}.",
              "A submission must have exactly one of: {allowed}; with several, it is unclear which to judge.",
              "Keep one of them, remove or rename the others, and push again."),
        Words("入口文件不止一个：{found}。",
              "提交中必须恰好有以下文件之一：{allowed}；有多个时无法确定评测哪一个。",
              "请保留一个，删除或改名其余文件，然后重新推送。"),
    ),
    Reason(
        "compile_error", Outcome.BUILD_FAILED, ("command", "code"),
        Words("The compiler refused the code (exit status {code}).",
              "It was called as: {command}.",
              "The messages are in the log below; fix the first one first, try the same command at home, push again."),
        Words("编译器拒绝了代码（退出状态 {code}）。",
              "调用的命令是：{command}。",
              "详细信息见下面的日志；请先改第一条错误，在本地用同样的命令试一试，再重新推送。"),
    ),
    Reason(
        "syntax_error", Outcome.BUILD_FAILED, (),
        Words("Python could not compile the code.",
              "The log names the file, the line and the mistake; nothing was run.",
              "Run `python3 -m py_compile` on the file at home until it is silent, and push again."),
        Words("Python 无法编译代码。",
              "日志指出了文件、行号和错误；没有运行任何代码。",
              "请在本地对该文件运行 `python3 -m py_compile`，直到不再报错，然后重新推送。"),
    ),
    Reason(
        "build_time_limit", Outcome.BUILD_FAILED, ("seconds",),
        Words("The build took longer than {seconds} s and was stopped.",
              "The limit keeps one submission from blocking the queue.",
              "Look for heavy templates or macros, or a file that includes itself, and push again."),
        Words("构建超过 {seconds} 秒，已被终止。",
              "设置时限是为了避免一个提交堵住队列。",
              "请检查过重的模板或宏，以及是否有文件包含了自身，然后重新推送。"),
    ),
    Reason(
        "build_memory_limit", Outcome.BUILD_FAILED, ("megabytes",),
        Words("The build needed more than {megabytes} MB of memory and was stopped.",
              "The limit protects the machine that builds everybody's code.",
              "Look for large constant tables, deep templates or an endless include, and push again."),
        Words("构建占用的内存超过 {megabytes} MB，已被终止。",
              "设置上限是为了保护为所有人构建代码的机器。",
              "请检查过大的常量表、过深的模板或无尽的 include，然后重新推送。"),
    ),
    Reason(
        "build_output_limit", Outcome.BUILD_FAILED, ("megabytes",),
        Words("What the build produced is larger than {megabytes} MB.",
              "The library is copied from the build to every run, so its size is limited.",
              "Compute large constant tables at start instead of storing them in the library, and push again."),
        Words("构建产物超过 {megabytes} MB。",
              "该库要从构建环境复制到每次运行中，因此限制了大小。",
              "请在启动时计算大型常量表，而不要把它们存进库里，然后重新推送。"),
    ),
    Reason(
        "entry_missing", Outcome.BUILD_FAILED, ("symbol", "file"),
        Words("{file} defines no function `{symbol}`.",
              "The judge calls the task's function by this name.",
              "Define it with exactly this spelling (in C++ as `extern \"C\"`, never `static`) and push again."),
        Words("{file} 中没有定义函数 `{symbol}`。",
              "评测程序按这个名字调用任务的函数。",
              "请用完全相同的拼写定义它（C++ 中用 `extern \"C\"`，不要用 `static`），然后重新推送。"),
    ),
    # --- wrong_answer -----------------------------------------------------------------------------------------
    Reason(
        "wrong_value", Outcome.WRONG_ANSWER, ("case", "tensor", "index", "expected", "got", "wrong", "elements"),
        Words("Case {case}: {tensor}[{index}] is {got}, expected {expected}.",
              "{wrong} of {elements} elements lie outside the task's tolerance.",
              "Compare with the reference at this shape on your own machine, and push again."),
        Words("用例 {case}：{tensor}[{index}] 为 {got}，应为 {expected}。",
              "{elements} 个元素中有 {wrong} 个超出任务的容差。",
              "请在自己的机器上用这个形状与参考实现对比，然后重新推送。"),
    ),
    Reason(
        "not_finite", Outcome.WRONG_ANSWER, ("case", "tensor", "index", "expected", "got", "wrong", "elements"),
        Words("Case {case}: {tensor}[{index}] is {got}, expected {expected}.",
              "NaN and infinity count as wrong wherever the reference is finite.",
              "Look for overflow (in softmax: subtract the row's maximum first) or a division by zero; push again."),
        Words("用例 {case}：{tensor}[{index}] 为 {got}，应为 {expected}。",
              "只要参考答案是有限数，NaN 和无穷大都算错误。",
              "请检查溢出（softmax 要先减去该行最大值）或除以零，然后重新推送。"),
    ),
    Reason(
        "unwritten", Outcome.WRONG_ANSWER, ("case", "tensor", "index", "expected", "got", "wrong", "elements"),
        Words("Case {case}: {tensor}[{index}] was never written, expected {expected}.",
              "Outputs are filled with a marker before each call; the marker was still there in {wrong} of {elements} elements when the call returned.",
              "Write every element before the function returns: look at tails, threads not joined, early returns."),
        Words("用例 {case}：{tensor}[{index}] 从未被写入，应为 {expected}。",
              "每次调用前输出都会填满标记值；函数返回时，{elements} 个元素中有 {wrong} 个仍是标记值。",
              "请在函数返回前写完每个元素：检查尾部处理、未等待结束的线程和提前返回。"),
    ),
    # --- runtime_error ----------------------------------------------------------------------------------------
    Reason(
        "crashed", Outcome.RUNTIME_ERROR, ("where", "signal"),
        Words("The process was ended by {signal} ({where}).",
              "Memory it may not touch, a trap or an abort: inputs are read-only, outputs have exactly the given size.",
              "Build with -fsanitize=address,undefined at home and run the shape of this case; then push again."),
        Words("进程被 {signal} 终止（{where}）。",
              "访问了不允许的内存、触发陷阱或主动中止：输入只读，输出大小恰为给定值。",
              "请在本地加 -fsanitize=address,undefined 编译并用该用例的形状运行，然后重新推送。"),
    ),
    Reason(
        "exited", Outcome.RUNTIME_ERROR, ("where", "code"),
        Words("The process ended itself with status {code} ({where}).",
              "A submission must return from its function; it was asked for an answer and gave none.",
              "Remove calls of exit, _exit, quit or sys.exit, and push again."),
        Words("进程自行结束，状态为 {code}（{where}）。",
              "提交的函数必须返回；我们请求了答案，却没有得到。",
              "请去掉 exit、_exit、quit 或 sys.exit 调用，然后重新推送。"),
    ),
    Reason(
        "raised", Outcome.RUNTIME_ERROR, ("where",),
        Words("The function raised an exception ({where}).",
              "The traceback is in the log when this happened while checking; it is withheld while timing.",
              "Call the function at home with arrays of this shape, and push again."),
        Words("函数抛出了异常（{where}）。",
              "如果发生在检查阶段，回溯信息在日志中；计时阶段则不显示。",
              "请在本地用同样形状的数组调用该函数，然后重新推送。"),
    ),
    Reason(
        "load_failed", Outcome.RUNTIME_ERROR, ("file",),
        Words("{file} could not be loaded.",
              "It was built, but importing or linking it failed before the first call; the log has the message.",
              "Only the standard library and what the task names is there; remove other imports and push again."),
        Words("{file} 无法加载。",
              "它已构建成功，但在第一次调用前导入或链接失败；具体信息见日志。",
              "环境中只有标准库和任务列出的库；请去掉其他导入，然后重新推送。"),
    ),
    Reason(
        "process_limit", Outcome.RUNTIME_ERROR, ("where", "processes"),
        Words("The submission wanted more than {processes} processes and threads, and failed ({where}).",
              "All of them count together, those too that have ended and that nobody has waited for.",
              "Start fewer threads or processes, join those that are done, and push again."),
        Words("提交想要的进程和线程超过 {processes} 个，随后失败（{where}）。",
              "所有进程和线程一起计数，已结束但无人等待的也算在内。",
              "请少开线程或进程，并等待已完成的结束，然后重新推送。"),
    ),
    Reason(
        "not_permitted", Outcome.RUNTIME_ERROR, ("where",),
        Words("The function tried something that is not permitted here ({where}).",
              "It runs without a network and without rights over other processes; it may write to /tmp and /dev/shm only.",
              "The log names the call that was refused when this happened while checking; do without it, and push again."),
        Words("函数尝试了这里不允许的操作（{where}）。",
              "运行时没有网络，也无权操作其他进程；只能写入 /tmp 和 /dev/shm。",
              "如果发生在检查阶段，日志会指出被拒绝的调用；请去掉它，然后重新推送。"),
    ),
    Reason(
        "no_space", Outcome.RUNTIME_ERROR, ("where", "tmp", "shm", "file"),
        Words("The function filled the room it has for files ({where}).",
              "There is room for {tmp} MB in /tmp and {shm} MB in /dev/shm; one file may have {file} MB. It all counts as memory, too.",
              "Keep less in files, remove what is no longer needed, and push again."),
        Words("函数写满了可用的文件空间（{where}）。",
              "可用空间：/tmp {tmp} MB，/dev/shm {shm} MB；单个文件最多 {file} MB。二者也计入内存。",
              "请少用文件存储，删除不再需要的内容，然后重新推送。"),
    ),
    Reason(
        "too_many_files", Outcome.RUNTIME_ERROR, ("where", "descriptors"),
        Words("The function opened more files than it may ({where}).",
              "A process may have {descriptors} open files, pipes and sockets at a time.",
              "Close what is no longer needed, and push again."),
        Words("函数打开的文件超过了允许的数量（{where}）。",
              "一个进程最多可同时打开 {descriptors} 个文件、管道和套接字。",
              "请关闭不再需要的文件，然后重新推送。"),
    ),
    Reason(
        "wrote_outside", Outcome.RUNTIME_ERROR, ("tensor", "where"),
        Words("The function wrote outside of {tensor} ({where}).",
              "The memory directly before and after an output was changed; elsewhere that would spoil other data or crash.",
              "Look for a loop that goes one step too far or a store wider than what is left; "
              "-fsanitize=address finds it at home. Then push again."),
        Words("函数写到了 {tensor} 之外（{where}）。",
              "紧挨着输出前后的内存被改动；在别处这会破坏其他数据或导致崩溃。",
              "请检查多走一步的循环，或超出剩余长度的宽存储；在本地用 -fsanitize=address 可以找到。然后重新推送。"),
    ),
    Reason(
        "wrote_input", Outcome.RUNTIME_ERROR, ("tensor", "where"),
        Words("The function changed its input {tensor} ({where}).",
              "Inputs are for reading: whoever calls a function goes on using them.",
              "Work in memory of your own, write to the outputs alone, and push again."),
        Words("函数改动了它的输入 {tensor}（{where}）。",
              "输入只供读取：调用函数的一方还要继续使用它们。",
              "请在自己的内存中计算，只写入输出，然后重新推送。"),
    ),
    # --- limits -----------------------------------------------------------------------------------------------
    Reason(
        "call_time_limit", Outcome.TIME_LIMIT, ("where", "seconds"),
        Words("One call took longer than {seconds} s ({where}).",
              "The task limits the time of each call.",
              "Look for an endless loop, a lock that is never released or an algorithm of higher order; push again."),
        Words("一次调用超过 {seconds} 秒（{where}）。",
              "任务限制了每次调用的时间。",
              "请检查死循环、未释放的锁或复杂度过高的算法，然后重新推送。"),
    ),
    Reason(
        "load_time_limit", Outcome.TIME_LIMIT, ("seconds",),
        Words("Loading the submission took longer than {seconds} s.",
              "Work done while loading is limited, like everything else.",
              "Move work out of module level and constructors, and push again."),
        Words("加载提交超过 {seconds} 秒。",
              "与其他步骤一样，加载时所做的工作也有时限。",
              "请把耗时工作移出模块顶层和构造函数，然后重新推送。"),
    ),
    Reason(
        "check_time_limit", Outcome.TIME_LIMIT, ("case", "seconds"),
        Words("All cases together took longer than {seconds} s; case {case} was running.",
              "The task limits the time of the whole check.",
              "Make the slowest cases faster (see the table), and push again."),
        Words("全部用例合计超过 {seconds} 秒；当时正在运行用例 {case}。",
              "任务限制了整个检查阶段的时间。",
              "请加快最慢的用例（见下表），然后重新推送。"),
    ),
    Reason(
        "timing_time_limit", Outcome.TIME_LIMIT, ("seconds", "pairs", "needed"),
        Words("After {seconds} s only {pairs} of the {needed} pairs of runs needed for a number were complete.",
              "The submission is so much slower than the baseline that its speed cannot be measured in the time allowed.",
              "Make it faster, or remove waiting from it (loading counts too), and push again."),
        Words("{seconds} 秒后只完成了得出数字所需的 {needed} 对运行中的 {pairs} 对。",
              "提交比基线慢得太多，在允许的时间内无法测出速度。",
              "请加快它，或去掉其中的等待（加载也计入），然后重新推送。"),
    ),
    Reason(
        "memory_limit", Outcome.MEMORY_LIMIT, ("where", "megabytes"),
        Words("The process needed more than {megabytes} MB and was stopped ({where}).",
              "The limit counts all memory of the submission: heap, stacks, files in /tmp and shared memory.",
              "Allocate less, free what you no longer need, and push again."),
        Words("进程占用内存超过 {megabytes} MB，已被终止（{where}）。",
              "上限计入提交的全部内存：堆、栈、/tmp 中的文件和共享内存。",
              "请减少分配、释放不再需要的内存，然后重新推送。"),
    ),
    Reason(
        "device_memory_limit", Outcome.MEMORY_LIMIT, ("where", "megabytes"),
        Words("The submission holds more than {megabytes} MB of the card's memory ({where}).",
              "The limit counts all that it keeps there beside the inputs and outputs that it is given.",
              "Allocate less, give back what you no longer need (a memory pool keeps it), and push again."),
        Words("提交占用的显存超过 {megabytes} MB（{where}）。",
              "除给定的输入和输出之外，它在显卡上保留的全部内存都计入上限。",
              "请减少分配、释放不再需要的显存（内存池会一直占着），然后重新推送。"),
    ),
    # --- rejected ---------------------------------------------------------------------------------------------
    Reason(
        "name_not_allowed", Outcome.REJECTED, ("rule",),
        Words("A file has a name that is not allowed.",
              "{rule}.",
              "Rename the file, adapt what refers to it, and push again."),
        Words("有文件使用了不允许的名字。",
              "{rule}。",
              "请给文件改名，并修改引用它的地方，然后重新推送。"),
    ),
    Reason(
        "bad_artefact", Outcome.REJECTED, ("file", "rule"),
        Words("The build left {file}, which is not taken ({rule}).",
              "One regular file with one name comes out of a build; links, devices, folders and further files never do.",
              "Remove what replaces or adds to the output during the build, and push again."),
        Words("构建留下的 {file} 不能取出（{rule}）。",
              "构建只会取出一个仅有一个名字的普通文件；链接、设备、目录和多余的文件一律不取。",
              "请去掉构建中替换或增加输出的做法，然后重新推送。"),
    ),
    Reason(
        "broken_protocol", Outcome.REJECTED, ("where",),
        Words("The submission wrote into the judge's own records ({where}).",
              "A record came that was malformed, repeated or not asked for; only forged ones look like that.",
              "Write to the outputs you are given and to nothing else. If this was a stray pointer, a run under"
              " -fsanitize=address finds it."),
        Words("提交写入了评测程序自己的记录（{where}）。",
              "收到了格式错误、重复或未请求的记录；只有伪造的记录才会这样。",
              "请只写入给定的输出。如果是野指针造成的，用 -fsanitize=address 运行可以找到。"),
    ),
    # --- suspicious -------------------------------------------------------------------------------------------
    Reason(
        "faster_than_possible", Outcome.SUSPICIOUS, ("case", "seconds", "floor"),
        Words("Case {case} took {seconds} s a call; this machine needs at least {floor} s for it.",
              "Moving the bytes and doing the arithmetic of this case takes longer than that, so the number cannot stand.",
              "A mentor looks at it before it can be ranked; write in the pull request how it works."),
        Words("用例 {case} 每次调用 {seconds} 秒；这台机器至少需要 {floor} 秒。",
              "仅搬运该用例的数据并完成运算就不止这么久，因此这个数字不能成立。",
              "导师查看之后才能进入排名；请在合并请求中说明它的原理。"),
    ),
    Reason(
        "left_running", Outcome.SUSPICIOUS, ("where",),
        Words("Something of the submission was still running on the card after its answer ({where}).",
              "The clock has stopped by then: such work is not measured, and it slows down whoever comes next.",
              "Wait for all your kernels before returning, keep none of them polling, and push again;"
              " or write in the pull request why it is needed."),
        Words("提交给出答案之后，显卡上仍有它的工作在运行（{where}）。",
              "此时计时已经结束：这些工作没有计入时间，还会拖慢后来者。",
              "请在返回前等待所有核函数结束，不要留下轮询的核函数，然后重新推送；或在合并请求中说明为什么需要。"),
    ),
    # --- ours: infrastructure faults --------------------------------------------------------------------------
    Reason(
        "baseline_failed", None, ("detail",),
        Words("The task's own baseline failed: {detail}.",
              "Without it there is nothing to measure against; the submission is not to blame.",
              "Maintainer: run `python -m tasks check` for the task and `python -m bench_runner doctor` on the worker."),
        Words("任务自带的基线失败：{detail}。",
              "没有基线就无从比较；与提交无关。",
              "维护者请对该任务运行 `python -m tasks check`，并在评测机上运行 `python -m bench_runner doctor`。"),
    ),
    Reason(
        "task_failed", None, ("file", "detail"),
        Words("The task's {file} failed: {detail}.",
              "Inputs and expected answers come from the task; the submission is not to blame.",
              "Maintainer: run `python -m tasks check` for the task."),
        Words("任务的 {file} 出错：{detail}。",
              "输入和标准答案都来自任务；与提交无关。",
              "维护者请对该任务运行 `python -m tasks check`。"),
    ),
    Reason(
        "guest_failed", None, ("detail",),
        Words("Our own process inside the sandbox did not start: {detail}.",
              "It failed before any code of the submission was loaded; the submission is not to blame.",
              "Maintainer: run `python -m bench_runner doctor` on the worker."),
        Words("沙箱内我们自己的进程没有启动：{detail}。",
              "它在加载提交的任何代码之前就失败了；与提交无关。",
              "维护者请在评测机上运行 `python -m bench_runner doctor`。"),
    ),
    Reason(
        "budget_too_small", None, ("seconds", "pairs", "needed"),
        Words("After {seconds} s only {pairs} of the {needed} pairs needed were complete, and not because of the"
              " submission.",
              "The baseline took its share of the time: the task's time_seconds is too small, or the machine too busy.",
              "Maintainer: raise limits.time_seconds of the task, or shrink its rank cases."),
        Words("{seconds} 秒后只完成了所需 {needed} 对中的 {pairs} 对，而且不是提交造成的。",
              "基线也占用了相应的时间：任务的 time_seconds 太小，或者机器太忙。",
              "维护者请调大任务的 limits.time_seconds，或缩小计时用例。"),
    ),
    Reason(
        "card_failed", None, ("detail",),
        Words("The card refused work of our own: {detail}.",
              "In a fresh context it works again; the job is run once more, the submission is not to blame.",
              "Maintainer: if this comes back, look at `nvidia-smi -q` and at the kernel's log for Xid."),
        Words("显卡拒绝了评测程序自己的工作：{detail}。",
              "换一个新的上下文后它又正常了；作业会重新运行，与提交无关。",
              "若反复出现，请维护者查看 `nvidia-smi -q` 以及内核日志中的 Xid。"),
    ),
    Reason(
        "no_cold_cache", None, ("detail",),
        Words("This machine cannot time with cold caches: {detail}.",
              "The task asks for it, and no guess takes its place; the submission is not to blame.",
              "Maintainer: give the task a hardware class of x86-64 machines, or set speed.cache = \"warm\" in its task.toml."),
        Words("这台机器无法在冷缓存下计时：{detail}。",
              "任务要求冷缓存，不能用猜测代替；与提交无关。",
              "维护者请把任务限定在 x86-64 的硬件类别，或在 task.toml 中设置 speed.cache = \"warm\"。"),
    ),
    Reason(
        "case_too_small", None, ("case", "microseconds", "least"),
        Words("Case {case} is too small to be ranked: the baseline takes {microseconds} µs, {least} µs are needed.",
              "A call passes through the judge's own hands, and here that takes longer than the work itself.",
              "Maintainer: enlarge the dims of this rank case. Operator: where hundreds of microseconds are needed, the machine is overloaded; give the worker two processors of its own."),
        Words("用例 {case} 太小，无法排名：基线只需 {microseconds} 微秒，至少要 {least} 微秒。",
              "每次调用都要经过评测程序，而这里它花的时间比计算本身还多。",
              "维护者请增大该计时用例的维度。如果至少需要几百微秒，说明机器过载，运维人员请给评测机留出两个专用处理器。"),
    ),
    Reason(
        "card_slowed", None, ("reasons",),
        Words("The card ran slower than it should for more than half of the time: {reasons}.",
              "Figures of a card that protects itself rank nobody; the job is run again by itself.",
              "Maintainer: if this comes back, look at the card's cooling and power supply (`nvidia-smi -q -d PERFORMANCE`)."),
        Words("超过一半的时间里显卡都在降速运行：{reasons}。",
              "显卡自我保护时测得的数字不能用来排名；作业会自动重新运行。",
              "若反复出现，请维护者检查显卡的散热与供电（`nvidia-smi -q -d PERFORMANCE`）。"),
    ),
    Reason(
        "machine_drifted", None, ("percent",),
        Words("The machine changed its speed by {percent} % while it measured.",
              "Baseline and submission alike ran at another speed in the second half of the pairs: such figures rank nobody.",
              "The job is run again by itself. Maintainer: if this comes back, look at what else the worker's machine does, and at its clock."),
        Words("测量期间机器的速度变化了 {percent} %。",
              "后半段的各对测量中，基线和提交都以另一种速度运行：这样的数字不能用来排名。",
              "作业会自动重新运行。若反复出现，请维护者检查评测机上还在运行什么，以及它的时钟频率。"),
    ),
)  # fmt: skip

REASONS: dict[str, Reason] = {reason.id: reason for reason in _TABLE}
