"""Words of a study's page, in English and Chinese; the English text is the key."""

from __future__ import annotations

from nqp_spatial.core.text import current_language

__all__ = ["CHINESE", "say"]

CHINESE = {
    # the page
    "Contents": "目录",
    "Repeat it": "重复本研究",
    "(failed)": "（失败）",
    "Left out: {why}.": "略去：{why}。",
    "This step failed.": "此步失败。",
    "Note: {words}": "注：{words}",
    "Warning: {words}": "警告：{words}",
    "Code of this step": "本步代码",
    "yes": "是",
    "no": "否",
    "Set-up": "数据与权重的代码",
    "The script {script} beside this page runs the same steps through the Python interface.": (
        "与本页同一文件夹的脚本 {script} 通过 Python 接口运行同样的步骤。"
    ),
    "Versions: {versions}.": "版本：{versions}。",
    "{units} units, {first} to {last}. Weights: {spec}.": (
        "{units} 个单元，{first} 至 {last}。权重：{spec}。"
    ),
    # what is missing
    "named in [study] skip": "列于 [study] skip",
    "no [index.indicators] are given": "未给出 [index.indicators]",
    "no [groups] region is given": "未给出 [groups] region",
    "no [groups] centre is given": "未给出 [groups] centre",
    "no [model] formula is given": "未给出 [model] formula",
    "needs at least {count} periods": "至少需要 {count} 期",
    # data and index
    "The data": "数据",
    "Log of {name}": "{name}的对数",
    "Index": "指数",
    "The panel has {units} units and {periods} periods, {first} to {last}.": (
        "面板有 {units} 个单元、{periods} 期，{first} 至 {last}。"
    ),
    "Weights: {spec}; {links} links, {each} a unit; components: {components}.": (
        "权重：{spec}；{links} 条连接，平均每单元 {each} 条；连通分支 {components} 个。"
    ),
    "Descriptive statistics": "描述性统计",
    "mean": "均值",
    "s.d.": "标准差",
    "min": "最小值",
    "median": "中位数",
    "max": "最大值",
    "The variable in the first, middle and last period, in the same classes.": (
        "变量在首期、中期和末期的分布，分级相同。"
    ),
    "The index": "指数",
    "Weights": "权重",
    "Weights of the indicators.": "各指标的权重。",
    "The index in the first, middle and last period.": "指数在首期、中期和末期的分布。",
    "The index joins {count} indicators by {weighting} weights, scaled over all units and periods "
    "together, so that scores compare over time. The heaviest is {first}, {share}.": (
        "指数由 {count} 个指标合成，权重由{weighting}得到，对全部单元和各期一起标准化，"
        "因而得分可跨期比较。权重最大的是{first}，占 {share}。"
    ),
    "Weights follow from how much indicators differ between units, not from what matters: "
    "nqp_spatial.composite.rank_intervals shows how ranks depend on them.": (
        "权重取决于指标在单元间差异的大小，而非其重要性；nqp_spatial.composite.rank_intervals "
        "显示排名如何随权重变化。"
    ),
    # disparity
    "Regional disparity": "区域差距",
    "The Gini coefficient and its parts.": "基尼系数及其组成。",
    "Theil's index by nested levels.": "按嵌套层次分解的泰尔指数。",
    "The Gini coefficient went from {first} to {last}.": "基尼系数由 {first} 变为 {last}。",
    "The Gini coefficient went from {first} to {last}; the intervals of the two overlap, so that "
    "no change is sure.": ("基尼系数由 {first} 变为 {last}；两者的区间重叠，因此不能断定有变化。"),
    "In the last period the largest part is {part}, {share} of the whole.": (
        "末期最大的部分是{part}，占总体的 {share}。"
    ),
    "within regions": "区域内差距",
    "net between regions": "区域间净差距",
    "overlap of regions": "超变密度",
    "{high} has the highest mean and {low} the lowest; their ratio went from {first} to {last}.": (
        "均值最高的是{high}，最低的是{low}；两者之比由 {first} 变为 {last}。"
    ),
    "Dagum's decomposition": "达格姆分解",
    "Means of regions": "各区域均值",
    # distribution
    "The distribution": "分布",
    "The distribution narrowed: the standard deviation of relative values went from {first} to "
    "{last}.": "分布收窄：相对值的标准差由 {first} 变为 {last}。",
    "The distribution widened: the standard deviation of relative values went from {first} to "
    "{last}.": "分布变宽：相对值的标准差由 {first} 变为 {last}。",
    "The distribution narrowed: the standard deviation went from {first} to {last}.": (
        "分布收窄：标准差由 {first} 变为 {last}。"
    ),
    "The distribution widened: the standard deviation went from {first} to {last}.": (
        "分布变宽：标准差由 {first} 变为 {last}。"
    ),
    "In {period}, Silverman's test speaks for {count} mode(s) (5 %).": (
        "{period}：西尔弗曼检验支持 {count} 个峰（5 %）。"
    ),
    "In {period}, Silverman's test speaks for more than three modes (5 %).": (
        "{period}：西尔弗曼检验支持三个以上的峰（5 %）。"
    ),
    "Of a gap between two units, {share} is left {step} period(s) later: ": (
        "两单元之间的差距在 {step} 期后剩余 {share}："
    ),
    "gaps hardly close.": "差距几乎不缩小。",
    "gaps close slowly.": "差距缓慢缩小。",
    "gaps close.": "差距在缩小。",
    "Silverman's test of modes": "峰数的西尔弗曼检验",
    "Densities by period, with medians.": "各期密度及中位数。",
    "The same in three dimensions.": "同上，三维。",
    "Where units of each level are later; on the dashed line nothing moves.": (
        "各水平的单元其后所处的位置；虚线上为不变。"
    ),
    "The same given the neighbours' mean.": "同上，以邻居均值为条件。",
    # chains
    "Chains of states": "状态链",
    "Transition probabilities, for all and by the neighbours' state.": (
        "全部单元及按邻居状态的转移概率。"
    ),
    "Shares in the sample and in the long run, with intervals.": "样本与长期的占比及区间。",
    "Centre and periphery apart.": "中心与外围分别估计。",
    "A unit stays in its class from one period to the next with probability {stay} on average; "
    "the slowest deviation from the long run is halved in {half} periods.": (
        "单元在下一期留在原等级的平均概率为 {stay}；对长期分布的最慢偏离在 {half} 期内减半。"
    ),
    "No test of neighbours: {reason}.": "无法检验邻居的影响：{reason}。",
    "Moves depend on the neighbours' state (LR {lr}, p = {p} by relocating units with their "
    "histories).": "转移取决于邻居状态（LR {lr}，p = {p}，由连同历史重新安置单元得到）。",
    "Moves are not shown to depend on the neighbours' state (LR {lr}, p = {p} by relocating units "
    "with their histories).": (
        "未发现转移取决于邻居状态（LR {lr}，p = {p}，由连同历史重新安置单元得到）。"
    ),
    "The two halves of the sample differ (p = {p}; moves taken for independent).": (
        "样本的前后两半有差异（p = {p}；假定转移相互独立）。"
    ),
    "The two halves of the sample are not shown to differ (p = {p}; moves taken for "
    "independent).": ("未发现样本的前后两半有差异（p = {p}；假定转移相互独立）。"),
    "Centre and periphery differ (p = {p}).": "中心与外围有差异（p = {p}）。",
    "Centre and periphery are not shown to differ (p = {p}).": (
        "未发现中心与外围有差异（p = {p}）。"
    ),
    "Transition probabilities": "转移概率",
    "Mobility": "流动性",
    "Tests of neighbours": "邻居影响的检验",
    # convergence
    "Convergence and clubs": "收敛与俱乐部",
    "Dispersion over the first period's.": "离散程度（以首期为 1）。",
    "Growth against the starting level.": "增长与期初水平。",
    "Relative transition paths of clubs.": "俱乐部的相对转移路径。",
    "Members of the clubs.": "俱乐部成员。",
    "{measure}: {reading} (trend {trend} % a period).": (
        "{measure}：{reading}（每期趋势 {trend} %）。"
    ),
    "Units that start low grow faster: speed {speed} a period, half-life {half} periods.": (
        "期初较低的单元增长较快：每期收敛速度 {speed}，半衰期 {half} 期。"
    ),
    "Units that start low grow more slowly: speed {speed} a period, so there is no half-life.": (
        "期初较低的单元增长较慢：每期速度 {speed}，因此没有半衰期。"
    ),
    "Units that start low are not shown to grow faster or slower: speed {speed} a period.": (
        "未发现期初较低的单元增长更快或更慢：每期速度 {speed}。"
    ),
    "log-t test of all units: t = {t}, {reading}.": "全部单元的 log-t 检验：t = {t}，{reading}。",
    "Clubs: {clubs}; divergent units: {divergent}.": "俱乐部 {clubs} 个；发散单元 {divergent} 个。",
    "Neighbours share a club more often than by chance: {joins} joins for {expected} (p = {p}).": (
        "相邻单元同属一个俱乐部多于随机：{joins} 对，期望 {expected} 对（p = {p}）。"
    ),
    "Neighbours share a club less often than by chance: {joins} joins for {expected} (p = {p}).": (
        "相邻单元同属一个俱乐部少于随机：{joins} 对，期望 {expected} 对（p = {p}）。"
    ),
    "Sigma convergence": "σ 收敛",
    "Beta convergence": "β 收敛",
    "least squares": "最小二乘",
    "spatial errors": "空间误差",
    "Clubs": "俱乐部",
    # association
    "Who clusters with whom": "空间集聚",
    "Clusters of high and low values, and their significance.": "高值与低值的集聚及其显著性。",
    "Each unit against its neighbours.": "各单元与其邻居。",
    "Moran's I is {first} in the first period and {last} in the last; it is significant (5 %) in "
    "{clear} of {all} periods.": (
        "莫兰指数首期为 {first}，末期为 {last}；{all} 期中有 {clear} 期显著（5 %）。"
    ),
    "Of the clusters some are due to chance: with many units, one in twenty passes at 5 % where "
    "there is nothing (see the option fdr of nqp_spatial.esda.lisa).": (
        "集聚中有一些出于偶然：单元很多时，即使没有集聚，也有二十分之一通过 5 % 的检验"
        "（见 nqp_spatial.esda.lisa 的选项 fdr）。"
    ),
    "Moran's I": "莫兰指数",
    # models
    "Which model": "模型选择",
    "Specification tests": "设定检验",
    "Criteria": "信息准则",
    "The model": "模型",
    "Direct, indirect and total effects with 95 % intervals.": "直接、间接与总效应及 95 % 区间。",
    "rho, the part of the neighbours' outcome: {rho} (s.e. {error}).": (
        "rho，即邻居结果的作用：{rho}（标准误 {error}）。"
    ),
    "rho, {part}: {rho} (s.e. {error}).": "rho，{part}：{rho}（标准误 {error}）。",
    "{label}: direct {direct}; indirect {indirect}.": "{label}：直接 {direct}；间接 {indirect}。",
    "{label}: {direct}; the model has no indirect effect.": (
        "{label}：{direct}；该模型没有间接效应。"
    ),
    "{said}, not told from zero": "{said}，与零无法区分",
    "These are associations given the effects and regressors, not causes, unless the design of the "
    "data says otherwise.": (
        "这些是给定固定效应和解释变量后的关联，并非因果，除非数据的设计另有保证。"
    ),
    "Effects": "效应",
    "Coefficients": "系数",
    "Centre and periphery": "中心与外围",
    "Total effects of {label}, receivers by senders": "{label}的总效应：行为接收方，列为发出方",
    "Effects from group (columns) to group (rows).": "从组（列）到组（行）的效应。",
}


def say(text: str, /, **values: object) -> str:
    """Return a text in the language of the page, with values put in."""
    words = CHINESE[text] if current_language() == "zh" else text
    return words.format(**values) if values else words
