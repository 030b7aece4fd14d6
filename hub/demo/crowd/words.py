"""Names, titles and sentences of the made-up community, in both languages."""

from __future__ import annotations

FAMILIES = (
    ("wang", "王"),
    ("li", "李"),
    ("zhang", "张"),
    ("liu", "刘"),
    ("chen", "陈"),
    ("yang", "杨"),
    ("zhao", "赵"),
    ("huang", "黄"),
    ("zhou", "周"),
    ("wu", "吴"),
    ("xu", "徐"),
    ("sun", "孙"),
    ("hu", "胡"),
    ("zhu", "朱"),
    ("gao", "高"),
    ("lin", "林"),
    ("he", "何"),
    ("guo", "郭"),
    ("ma", "马"),
    ("luo", "罗"),
)
GIVEN = (
    ("wei", "伟"),
    ("fang", "芳"),
    ("min", "敏"),
    ("jing", "静"),
    ("lei", "磊"),
    ("yan", "燕"),
    ("jun", "军"),
    ("yue", "悦"),
    ("tao", "涛"),
    ("ming", "明"),
    ("xiaoyu", "小雨"),
    ("zihan", "子涵"),
    ("yichen", "一辰"),
    ("haoran", "浩然"),
    ("siqi", "思琪"),
    ("jiahao", "家豪"),
    ("xinyi", "欣怡"),
    ("yutong", "雨桐"),
)
ABROAD = (
    "Anna Kowalska",
    "Bruno Costa",
    "Carla Rossi",
    "Daniel Okafor",
    "Elif Demir",
    "Farid Haddad",
    "Greta Lind",
    "Hugo Moreau",
    "Ivana Petrović",
    "Jonas Weber",
    "Kavya Rao",
    "Luca Ferrari",
    "Mira Novák",
    "Nils Berg",
    "Olga Ivanova",
    "Priya Nair",
    "Quentin Roy",
    "Rosa García",
    "Sofia Jensen",
    "Tomás Silva",
)
BIOS = (
    "I like kernels that fit into one page.",
    "喜欢把算子写短、写快。",
    "Numerics first, speed second.",
    "大三学生，正在学 SIMD。",
    "Compilers by day, attention by night.",
    "白天写编译器，晚上调性能。",
    "",
    "",
    "",
)

OPERATORS = (
    ("relu", "ReLU", "ReLU 激活"),
    ("gelu", "GELU", "GELU 激活"),
    ("silu", "SiLU", "SiLU 激活"),
    ("softmax", "Softmax", "Softmax 归一化"),
    ("log-softmax", "Log-softmax", "对数 Softmax"),
    ("layer-norm", "Layer norm", "层归一化"),
    ("rms-norm", "RMS norm", "RMS 归一化"),
    ("batch-norm", "Batch norm", "批归一化"),
    ("matmul", "Matrix product", "矩阵乘法"),
    ("conv2d", "2-D convolution", "二维卷积"),
    ("depthwise", "Depthwise convolution", "深度可分离卷积"),
    ("max-pool", "Max pooling", "最大池化"),
    ("avg-pool", "Average pooling", "平均池化"),
    ("attention", "Attention", "注意力"),
    ("rope", "Rotary embedding", "旋转位置编码"),
    ("embedding", "Embedding look-up", "嵌入查表"),
    ("top-k", "Top-k", "最大的 k 个"),
    ("cumsum", "Cumulative sum", "累积求和"),
    ("transpose", "Transpose", "转置"),
    ("gather", "Gather", "按索引收集"),
    ("scatter-add", "Scatter add", "散布相加"),
    ("dropout", "Dropout", "随机失活"),
    ("cross-entropy", "Cross entropy", "交叉熵"),
    ("adam-step", "Adam step", "Adam 更新步"),
    ("dequantise", "Dequantise", "反量化"),
    ("lstm-cell", "LSTM cell", "LSTM 单元"),
    ("group-norm", "Group norm", "组归一化"),
    ("argmax", "Argmax", "最大值下标"),
)
DTYPES = ("float32", "float16", "bfloat16", "int8", "float64")
FORMS = (
    ("", "", ""),
    ("batched", "batched", "批量"),
    ("fused", "fused with its bias", "与偏置融合"),
    ("strided", "over strided input", "跨步输入"),
    ("small", "for small rows", "小行"),
    ("long", "for long rows", "长行"),
    ("backward", "backward", "反向"),
    ("masked", "masked", "带掩码"),
    ("ragged", "over ragged rows", "不等长行"),
    ("two-pass", "in two passes", "两遍扫描"),
)
SUMMARIES = (
    (
        "{title}: as fast as this machine's memory lets you, and right to the last case.",
        "{title}：在内存带宽允许的范围内做到最快，并通过每一个用例。",
    ),
    (
        "Write {title} so that a reader understands it and the judge has nothing to say.",
        "写出 {title}：让读者看得懂，让评测挑不出毛病。",
    ),
)
SIGS = ("kernels", "compiler", "models", "training", "inference", "docs", "data", "numerics")
SIG_TITLES = {
    "kernels": ("Kernels", "算子"),
    "compiler": ("Compiler", "编译器"),
    "models": ("Models", "模型"),
    "training": ("Training", "训练"),
    "inference": ("Inference", "推理"),
    "docs": ("Documentation", "文档"),
    "data": ("Data", "数据"),
    "numerics": ("Numerics", "数值"),
}
SIG_ABOUT_EN = "SIG {title} looks after its tasks, reviews what is pushed to them, and meets every week."
SIG_ABOUT_ZH = "{title} SIG 照看自己的任务，评审推送上来的工作，每周聚会一次。"
MEETINGS = (
    "Reading a solution together",
    "Questions and answers",
    "一起读一份解答",
    "性能分析入门",
    "Roofline by hand",
    "新任务讨论",
)
MEETING_ABOUT = "Bring what you are working on. 带上你正在做的东西。"
NEWS = (
    ("New tasks this week", "There are *three* new ones, from level 1 to 4. Take one while they are free."),
    ("本周新任务", "新增三个任务，难度 1 到 4。先到先得。"),
    ("Study group moves", "From this month on we meet half an hour later."),
    ("评审值班表", "本月评审由两位导师轮值，三个工作日内必有答复。"),
)

TOPICS = ("fast", "simd", "blocked", "first-try", "second", "tiles", "fma", "unrolled", "threads", "tidy")
SUBJECTS = (
    "First try",
    "Vectorise the inner loop",
    "Block for the second-level cache",
    "Unroll by four",
    "Handle empty input",
    "Fix the last lane",
    "向量化内层循环",
    "按二级缓存分块",
    "处理空输入",
    "修正尾部处理",
    "Use fused multiply-add",
    "改用融合乘加",
    "Keep the sums in float64",
    "WIP: prefetch",
    "Split the reduction",
    "拆分归约",
)
APPROVALS = (
    "Clear and fast. Thank you!",
    "写得清楚，速度也好，谢谢！",
    "Good: the tail is handled now.",
    "很好，边界也处理了。",
    "Nice use of one pass over memory.",
    "只走一遍内存，漂亮。",
)
CHANGES = (
    "Please name the constant in the loop.",
    "请给循环里的常数起个名字。",
    "What happens with an empty row?",
    "空行会怎样？",
    "The comment says the opposite of the code.",
    "注释和代码说的相反。",
)
POSTS = (
    "Does the tolerance hold for subnormal numbers too?",
    "容差对次正规数也适用吗？",
    "For me the second case is limited by memory; is that expected?",
    "我的第二个用例受内存带宽限制，这正常吗？",
    "A hint for beginners: read `starter/` first.",
    "给新手的提示：先读 `starter/`。",
    "Which intervals does the board show when two runs disagree?",
    "两次运行不一致时，榜单显示哪个区间？",
    "Thank you, that helped.",
    "谢谢，有帮助。",
)
PROPOSALS = (
    "I would block over rows and keep the sums in registers; about two weeks.",
    "我打算按行分块，把累加放在寄存器里，大约两周。",
)
