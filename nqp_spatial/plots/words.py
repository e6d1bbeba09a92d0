"""Words that figures write by themselves, in English and Chinese.

The English text is the key. What the caller names (titles, labels of columns, units) is drawn as it
is given.
"""

from __future__ import annotations

from nqp_spatial.core.text import Lang
from nqp_spatial.core.text import current_language as spoken
from nqp_spatial.core.text import language as speaking

__all__ = ["CHINESE", "Lang", "Words", "say", "speaking", "spoken"]

CHINESE = {
    # maps
    "No data": "无数据",
    "High-High": "高-高",
    "Low-Low": "低-低",
    "High-Low": "高-低",
    "Low-High": "低-高",
    "Not significant": "不显著",
    "No neighbours": "无邻居",
    "Local Moran, {rule}": "局部莫兰指数，{rule}",
    "p < {alpha}{tail}, {times} permutations": "p < {alpha}{tail}，置换 {times} 次",
    "false discovery rate < {alpha}{tail}, {times} permutations": (
        "错误发现率 < {alpha}{tail}，置换 {times} 次"
    ),
    "Pseudo p-value, {times} permutations": "伪 p 值，置换 {times} 次",
    "{name}, p < {level}": "{name},p < {level}",
    "p < {level}": "p < {level}",
    "{name}, {period}": "{name}，{period}",
    "{low} to {high}": "{low} 至 {high}",
    "N": "北",
    "{size} km": "{size} 千米",
    "Club {number}": "俱乐部 {number}",
    "Divergent": "发散",
    "Convergence clubs": "收敛俱乐部",
    "Centre and one standard deviation": "重心与一倍标准差椭圆",
    "Link both ways ({count})": "双向连接 ({count})",
    "Link one way ({count})": "单向连接 ({count})",
    "Unit ({count})": "单元 ({count})",
    "Component {number} ({count})": "连通分支 {number} ({count})",
    "Smaller components ({count})": "其余分支 ({count})",
    "No neighbours ({count})": "无邻居 ({count})",
    "Links: the {count} of largest weight of each unit": "连接：每单元权重最大的 {count} 条",
    "Indirect effects of {name} (arrows: from sender to receiver)": (
        "{name}的间接效应（箭头由发出方指向接收方）"
    ),
    "{group}\nwithin: {size}": "{group}\n组内：{size}",
    "{level} interval holds zero": "{level} 区间含零",
    "Residual / sigma": "残差 / σ",
    "Residual / sigma, {period}": "残差 / σ，{period}",
    "{name}: own effect": "{name}：自身效应",
    "{name}: received from all others": "{name}：来自其他所有单元",
    "{name}: sent to all others": "{name}：传向其他所有单元",
    "{name}, short-run": "{name}，短期",
    "{name}, long-run": "{name}，长期",
    # association
    "Value, standard deviations from the mean": "标准化值",
    "Its spatial lag": "空间滞后",
    "Moran's I = {value}": "莫兰指数 I = {value}",
    # weights
    "Neighbours of a unit (dashed: mean, {mean})": "邻居个数（虚线为均值 {mean}）",
    "Units": "单元数",
    "{count} without neighbours": "{count} 个单元无邻居",
    # chains
    "All": "全部",
    "Neighbours {state}": "邻居 {state}",
    "Group {state}": "组 {state}",
    "Sample": "样本",
    "Long run": "长期",
    "none": "无",
    "Share of units": "单元占比",
    "Share of units in the long run": "长期单元占比",
    "State of {name}": "{name}的状态",
    "State now (moves)": "当期状态（转移数）",
    "State in the next period": "下一期状态",
    "State {step} periods later": "{step} 期后状态",
    "Transition probability": "转移概率",
    "States {names}": "状态 {names}",
    # distributions
    "{name}, relative to the mean": "{name}（相对均值）",
    "Density": "密度",
    "median": "中位数",
    "{name}, t": "{name}，t",
    "{name}, t + {step}": "{name}，t + {step}",
    "Neighbours' {name}, t": "邻居的{name}，t",
    "45-degree line": "45 度线",
    "E(y | x)": "E(y | x)",
    "Density of y given x": "给定 x 时 y 的密度",
    # convergence
    "no convergence": "不收敛",
    "half-life {value} periods [{low}, {high}]": "半衰期 {value} 期 [{low}, {high}]",
    "half-life {value} periods, no upper bound": "半衰期 {value} 期，无上界",
    "{group}: {text}": "{group}：{text}",
    "Log of {name} at the start": "期初{name}的对数",
    "{name} at the start": "期初{name}",
    "Change a period": "每期变化",
    "Change over {span} period(s)": "{span} 期变化",
    "Growth a period, log points": "每期增长（对数点）",
    "Growth over {span} period(s), log points": "{span} 期增长（对数点）",
    "Standard deviation of logs": "对数标准差",
    "Standard deviation": "标准差",
    "Coefficient of variation": "变异系数",
    "Gini coefficient": "基尼系数",
    "Theil index T": "泰尔指数 T",
    "Theil index L": "泰尔指数 L",
    "Trend a period": "每期趋势",
    "Over the value of {period}": "以 {period} 为 1",
    "Relative path (mean of all = 1)": "相对转移路径（总体均值 = 1）",
    # inequality
    "Gini coefficient of {name}": "{name}的基尼系数",
    "Theil {index} of {name}": "{name}的泰尔指数 {index}",
    "within groups": "组内",
    "net between groups": "组间净值",
    "overlap (transvariation)": "超变密度",
    "between {name}": "{name}之间",
    "within {name}": "{name}之内",
    "{name}: {first} to {last}": "{name}：{first} 至 {last}",
    "{level} interval": "{level} 区间",
    # index
    "Weight": "权重",
    "Weights by {name}": "权重：{name}",
    "entropy": "熵值法",
    "critic": "CRITIC 法",
    "cv": "变异系数法",
    "pca": "主成分法",
    "scatter": "纵横向拉开档次法",
    "equal": "等权",
    "given": "给定权重",
    "rank": "排名",
    "Rank (1 is best)": "排名（1 为最优）",
    "other weights": "其他权重",
    "one indicator left out": "剔除一个指标",
    # effects
    "Direct": "直接效应",
    "Indirect": "间接效应",
    "Total": "总效应",
    "Effect, with {level} interval": "效应及其 {level} 区间",
    "Total effects of {name}, {level} intervals": "{name}的总效应，{level} 区间",
    "Indirect effects of {name}, {level} intervals": "{name}的间接效应，{level} 区间",
    "all groups": "全部组",
    "average unit": "平均单元",
    "Sender (hatched: the interval holds zero)": "发出方（阴影：区间含零）",
    "Receiver": "接收方",
    "all bands at once": "所有距离带联合",
    "Distance, km": "距离（千米）",
    "Indirect effect of {name}": "{name}的间接效应",
    "{level} critical value": "{level} 临界值",
    "{name} of the sender": "发出方的{name}",
    "{name} of the receiver": "接收方的{name}",
    "{name} of the sender less the receiver's": "发出方减接收方的{name}",
    "Likelihood ratio of gamma": "γ 的似然比",
    "Share of the spillover lost": "损失的溢出份额",
    "No font here has these characters: {letters}. Boxes are drawn in their place, "
    "here and in other figures. Install a font that has them (on Debian the package "
    "fonts-noto-cjk) or name yours in matplotlib.rcParams['font.sans-serif']": (
        "没有字体含有以下字符：{letters}。本图及其他图中将以方框代替。请安装含有这些字符的字体"
        "（Debian 系统可安装 fonts-noto-cjk），或在 matplotlib.rcParams['font.sans-serif'] "
        "中指定字体"
    ),
    "across {border}": "跨{border}",
    "across {border}, within {other}": "跨{border}，{other}内",
}


class Words:
    """Texts by their English form, said in the language that is spoken.

    Parameters
    ----------
    chinese : dict
        English to Chinese; both with the same names in braces.
    """

    def __init__(self, chinese: dict[str, str]) -> None:
        self.chinese = chinese

    def __call__(self, text: str, /, **values: object) -> str:
        """Return a text with values put in."""
        found = self.chinese[text] if spoken() == "zh" else text
        return found.format(**values) if values else found


say = Words(CHINESE)
