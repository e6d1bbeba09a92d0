"""What results write, in English and Chinese: names in their tables, and forms of their sentences.

Tests see that the package still writes each of them.
"""

__all__ = ["FORMS", "NAMES"]

#: Names of things in results: columns, tests, measures, rules.
NAMES = {
    # heads of tables
    "estimate": "估计值",
    "std_error": "标准误",
    "statistic": "统计量",
    "df": "自由度",
    "p_value": "p 值",
    "conf_low": "置信下限",
    "conf_high": "置信上限",
    "rule": "依据",
    "direct": "直接效应",
    "indirect": "间接效应",
    "total": "总效应",
    "short-run": "短期",
    "long-run": "长期",
    "x": "解释变量",
    "wx": "空间滞后项",
    "spatial": "空间参数",
    "time": "时间滞后项",
    "all": "全部",
    "moran_i": "莫兰指数",
    "expected": "期望值",
    "moves": "转移次数",
    "critical_bandwidth": "临界带宽",
    "gini": "基尼系数",
    "within": "组内",
    "net_between": "组间净值",
    "transvariation": "超变密度",
    "within_share": "组内占比",
    "net_between_share": "组间净值占比",
    "transvariation_share": "超变密度占比",
    "dimension": "维度",
    "direction": "方向",
    "min": "最小值",
    "max": "最大值",
    "mean": "均值",
    "sd": "标准差",
    "cv": "变异系数",
    "sd_log": "对数标准差",
    "entropy": "熵值",
    "redundancy": "差异系数",
    "std": "标准差",
    "eigenvector": "特征向量",
    "conflict": "冲突性",
    "information": "信息量",
    "loading": "载荷",
    "weight_inside": "维度内权重",
    "weight_of_dimension": "维度权重",
    "weight": "权重",
    "prais": "普雷斯指数",
    "determinant": "行列式指数",
    "eigenvalue": "特征值指数",
    "leaving": "离开概率",
    "bartholomew": "巴塞洛缪指数",
    "first": "首期",
    "last": "末期",
    "trend": "趋势",
    "reading": "结论",
    "b": "b",
    "coefficient": "系数",
    "speed": "收敛速度",
    "speed_low": "速度下限",
    "speed_high": "速度上限",
    "half_life": "半衰期",
    "half_life_low": "半衰期下限",
    "half_life_high": "半衰期上限",
    "units": "单元数",
    "level": "相对水平",
    "c_star": "临界值 c*",
    "converges": "是否收敛",
    "merged_from": "合并自",
    "log-likelihood": "对数似然",
    "parameters": "参数个数",
    # tests
    "chi-square": "卡方",
    "Score tests of the linear model": "线性模型的得分检验",
    "Simplifications of the Durbin model": "杜宾模型的简化",
    "Effects (SDM, dummies)": "固定效应（SDM，虚拟变量）",
    "Random or fixed unit effects (SDM)": "个体效应：随机或固定（SDM）",
    "Residuals of the linear model": "线性模型的残差",
    "LM lag": "LM 滞后",
    "LM error": "LM 误差",
    "robust LM lag": "稳健 LM 滞后",
    "robust LM error": "稳健 LM 误差",
    "LM both": "LM 联合",
    "LR: unit effects": "LR：个体效应",
    "LR: period effects": "LR：时间效应",
    "permutation": "置换",
    # rules
    "pooled quantiles": "合并各期的分位数",
    "period quantiles": "逐期分位数",
    "given cuts": "给定分界点",
    "fixed": "固定",
    "increasing": "递增",
    "none": "无",
    "critic": "CRITIC",
    # null hypotheses
    "no W y": "无 Wy",
    "no W u": "无 Wu",
    "no W y, whether or not there is W u": "无 Wy，不论有无 Wu",
    "no W u, whether or not there is W y": "无 Wu，不论有无 Wy",
    "neither W y nor W u": "既无 Wy 也无 Wu",
    "neighbours'": "邻居",
    "group's": "组",
    "no unit effects": "无个体效应",
    "no period effects": "无时间效应",
    "unit effects are uncorrelated with the regressors": "个体效应与解释变量不相关",
    "weak cross-sectional dependence": "截面弱相关",
    "normal errors": "误差服从正态分布",
    "errors of one variance": "误差同方差",
    # families of weights, and how they are scaled
    "queen contiguity": "后式邻接",
    "rook contiguity": "车式邻接",
    "k nearest neighbours": "k 近邻",
    "distance band": "距离带",
    "inverse distance": "反距离",
    "exponential decay": "指数衰减",
    "economic distance": "经济距离",
    "directed economic": "有向经济",
    "gravity": "引力",
    "edge list": "连接表",
    "row-standardised": "行标准化",
    "divided by the spectral radius": "除以谱半径",
    "divided by the smaller of the largest row and column sums": "除以最大行和与最大列和中的较小者",
    "not standardised": "未标准化",
    "keep": "保留",
    "order": "阶数",
    "cutoff_km": "距离上限（千米）",
    "power": "幂",
    "metric": "度量",
    "distances": "距离",
    "tolerance_m": "容差（米）",
    "borders closed": "由容差弥合的边界",
    "invalid polygons repaired": "修复的无效面",
    "weight column": "权重列",
    "columns not used": "未使用的列",
    "rows add to one within": "行和与 1 之差不超过",
}

#: Sentences, with what differs from result to result in braces.
FORMS = {
    # how weights were made
    "{count} within {metres} m": "{count} 条，{metres} 米以内",
    "on the globe from {crs}": "球面距离，由 {crs} 换算",
    "planar in {crs}": "{crs} 中的平面距离",
    "borders of {count} pairs of units run side by side within {metres} and do not meet, so they "
    "are no {kind} neighbours: {pairs}; tolerance={close} (metres) closes them": (
        "{count} 对单元的边界在 {metres} 以内并行而不相接，因此不是 {kind} 邻接：{pairs}；"
        "设 tolerance={close}（米）可弥合"
    ),
    "{count} pairs of units overlap by more than the tolerance of {metres}: {pairs}; correct the "
    "map, or pass a tolerance= (metres) as wide as the overlap": (
        "{count} 对单元相互重叠，超过容差 {metres}：{pairs}；请修正地图，"
        "或将 tolerance=（米）设为重叠的宽度"
    ),
    "{kind}: rows add to one within {off} only, as rounded numbers of a file do.": (
        "{kind}：行和与 1 之差达 {off}，如同文件中四舍五入的数字。"
    ),
    "The weights are used as they are, without the methods that need rows that add to one; "
    "weights.standardize('row') makes the sums exact": (
        "权重按原样使用，不采用要求行和为 1 的方法；weights.standardize('row') 可使行和精确为 1"
    ),
    # which model
    "Neither a spatial lag (LM, {lag}) nor a spatial error ({error}) is found in the linear "
    "model.": "线性模型中既未发现空间滞后（LM，{lag}），也未发现空间误差（{error}）。",
    "The linear model has spatial dependence (LM lag, {lag}; LM error, {error}).": (
        "线性模型存在空间相关（LM 滞后，{lag}；LM 误差，{error}）。"
    ),
    "The Durbin model against the lag model: {lag}; against the error model: {error} (LR).": (
        "杜宾模型对滞后模型：{lag}；对误差模型：{error}（LR）。"
    ),
    "With W X in it, rho is not zero (LR, {p}).": "加入 WX 后，rho 不为零（LR，{p}）。",
    "W X matters.": "WX 有作用。",
    "theta = 0 is not rejected, and the robust LM tests point to the lag.": (
        "不拒绝 theta = 0，且稳健 LM 检验指向滞后。"
    ),
    "The common factor is not rejected, and the robust LM tests point to the error.": (
        "不拒绝公因子约束，且稳健 LM 检验指向误差。"
    ),
    "Both simplifications are rejected.": "两种简化均被拒绝。",
    "A simplification cannot be tested.": "有一种简化无法检验。",
    "The Durbin model cannot be tested against them, and stays.": (
        "杜宾模型无法与二者作检验，予以保留。"
    ),
    "A simplification is not rejected, but the robust LM tests do not point to it alone.": (
        "有一种简化未被拒绝，但稳健 LM 检验并非只指向它。"
    ),
    "Recommended: the linear model.": "建议：线性模型。",
    "Recommended: the spatial Durbin model (SDM).": "建议：空间杜宾模型（SDM）。",
    "Recommended: {model}.": "建议：{model}。",
    "Rule: Elhorst (2010), tests at {level}.": "规则：Elhorst（2010），检验水平 {level}。",
    # the data
    "read periods as years: {text} as {period}": "时期读作年份：{text} 即 {period}",
    "read periods as quarters: {text} as {period}": "时期读作季度：{text} 即 {period}",
    "read periods as months: {text} as {period}": "时期读作月份：{text} 即 {period}",
    "read periods as half-years: {text} as {period}": "时期读作半年：{text} 即 {period}",
    "read periods as the years in which they begin: {text} as {period}": (
        "时期读作起始年份：{text} 即 {period}"
    ),
    "read periods as numbers: {text} as {period}": "时期读作数字：{text} 即 {period}",
    "read periods as the numbers in them: {text} as {period}": (
        "时期读作其中的数字：{text} 即 {period}"
    ),
    "periods are in alphabetical order, their order in time not being known: {periods}": (
        "时期的先后无法判断，按字母顺序排列：{periods}"
    ),
    "the geometry of the frame was left out, another being given": (
        "另行给出了地图，数据表自带的几何图形未使用"
    ),
    "left out {count} geometries without data: {ids}": "略去 {count} 个没有数据的图形：{ids}",
    "selected {count} of {all} periods": "选取 {all} 期中的 {count} 期",
    "balanced by dropping {count} of {all} units: {ids}": (
        "为使面板平衡，删去 {all} 个单元中的 {count} 个：{ids}"
    ),
    "balanced by dropping {count} of {all} periods: {ids}": (
        "为使面板平衡，删去 {all} 期中的 {count} 期：{ids}"
    ),
    "interpolated {count} cells of {names} linearly over {period}: {ids}": (
        "按 {period} 对 {names} 线性插值 {count} 处：{ids}"
    ),
    "{count} linked both ways with the nearest unit": "{count} 个与最近单元双向相连",
    # chains
    "ergodic distribution missing: {why}": "没有稳态分布：{why}",
    "no state was visited": "没有出现任何状态",
    "state {names} was entered but never left within the sample": (
        "样本内进入过状态 {names} 而从未离开"
    ),
    "the chain has {count} closed classes, so where it ends depends on where it starts": (
        "该链有 {count} 个闭类，终点取决于起点"
    ),
    "no move starts from state {names}: its row is missing": (
        "没有从状态 {names} 出发的转移：该行缺失"
    ),
    "{count} of {all} rows were never visited and are missing": (
        "{all} 行中有 {count} 行从未出现，因而缺失"
    ),
    "rows of W do not add to one: the lag is a weighted sum, not a mean": (
        "W 的行和不为一：滞后项是加权和而非均值"
    ),
    "cells that occur: sum over rows of (groups that visit the row - 1)(columns reached - 1)": (
        "只计出现的单元格：各行（出现该行的组数 - 1）（到达的列数 - 1）之和"
    ),
    "all cells: states (states - 1)(groups - 1) a stratum, empty ones included": (
        "计全部单元格：每层 状态数（状态数 - 1）（组数 - 1），含空格"
    ),
    "{count} random relocations of units with their histories": (
        "将单元连同其历史随机重新安置 {count} 次"
    ),
    "{count} random dealings of groups to units": "将组随机分派给单元 {count} 次",
    "transition probabilities do not depend on the {whose} state": "转移概率与{whose}状态无关",
    "transition probabilities do not depend on the {whose} state where the {other} state is "
    "known": "已知{other}状态时，转移概率与{whose}状态无关",
    "transition probabilities are the same in all groups of {name}": ("{name}各组的转移概率相同"),
    "transition probabilities are the same in all spans of time": "各时段的转移概率相同",
    "moves depend on the state now, not on the one before": "转移取决于当期而非前一期的状态",
    # clubs
    "log of {name} (Hodrick-Prescott trend, {smoothing})": "{name}的对数（HP 趋势，{smoothing}）",
    "{name} (Hodrick-Prescott trend, {smoothing})": "{name}（HP 趋势，{smoothing}）",
    "log of {name}": "{name}的对数",
    "{count} periods are few for the log-t test, which speaks of the long run: below some {least} "
    "it has little power and depends on the share that is discarded": (
        "{count} 期对 log-t 检验而言偏少，该检验针对长期：少于约 {least} 期时功效低，"
        "且结果取决于舍去的比例"
    ),
    "{count} pairs of units have equal values in some period, where the logarithm of their "
    "dispersion is undefined, so that no core starts from them: {pairs}": (
        "{count} 对单元在某期数值相等，其离散程度的对数无定义，因此不从它们形成核心组：{pairs}"
    ),
    "no critical value up to 3 served for some clubs: they are their core alone": (
        "有的俱乐部取临界值至 3 仍不收敛，因而只含核心组"
    ),
    "{count} divergent units were taken in by clubs: {ids}": (
        "{count} 个发散单元被并入俱乐部：{ids}"
    ),
    "clubs {clubs} have t below -1.65: their units converge with the core one by one, but not "
    "together; critical='increasing' asks for that": (
        "俱乐部 {clubs} 的 t 小于 -1.65：其单元逐个与核心组收敛，合在一起则不收敛；"
        "critical='increasing' 要求后者"
    ),
    "no two units converge: all are divergent": "没有两个单元收敛：全部发散",
    "b closes the gap more than whole within the span (1 + b T is not positive), so that "
    "there is no speed": "b 使差距在期内缩小超过全部（1 + bT 不为正），因此没有收敛速度",
    "no convergence, so that there is no half-life": "不收敛，因此没有半衰期",
    "the interval of the speed reaches zero; read the upper end of the half-life as "
    "unbounded": "速度的区间含零，半衰期的上限应视为无界",
    "unit effects: convergence is to paths of their own, and b is biased down by order 1/T "
    "(Nickell 1981); nqp_spatial.fit with time_lag=True corrects that": (
        "个体效应：各单元收敛于自身路径，b 向下偏误 1/T 阶（Nickell 1981）；"
        "nqp_spatial.fit 的 time_lag=True 可修正"
    ),
    "falls: sigma convergence": "下降，σ 收敛",
    "rises: sigma divergence": "上升，σ 发散",
    "no clear trend": "无明显趋势",
    "convergence of all units is rejected at {level} %": "在 {level} % 水平拒绝全部单元收敛",
    "convergence of levels is not rejected (b of 2 or more)": "不拒绝水平收敛（b 不小于 2）",
    "convergence of growth rates is not rejected (b between 0 and 2)": (
        "不拒绝增长率收敛（b 在 0 与 2 之间）"
    ),
    "convergence is not rejected, though b is negative: weak evidence": (
        "不拒绝收敛，但 b 为负，证据较弱"
    ),
    # models
    "bias-corrected: the log-likelihood is the maximum of the uncorrected one": (
        "已作偏误修正：对数似然为未修正模型的最大值"
    ),
    "with these effects the bias correction is the transformation": (
        "在此固定效应下，偏误修正即为变换法"
    ),
    "not corrected: unit effects bias tau, eta and rho by order 1/T": (
        "未修正：个体效应使 tau、eta 和 rho 有 1/T 阶偏误"
    ),
    "rows of W do not add to one, so period effects cannot be transformed away: dummy-variable "
    "likelihood, rho biased by order 1/n": (
        "W 的行和不为一，时间效应无法用变换消去：采用虚拟变量似然，rho 有 1/n 阶偏误"
    ),
    "rows of W do not add to one, so period effects cannot be transformed away and the dynamic "
    "bias is not corrected: of order 1/T in tau, eta and rho": (
        "W 的行和不为一，时间效应无法用变换消去，动态偏误未修正：tau、eta 和 rho 有 1/T 阶偏误"
    ),
    "the variance of the unit effects is estimated as zero: phi = 1": (
        "个体效应的方差估计为零：phi = 1"
    ),
    "the stochastic log-determinant adds an error of {size} standard errors to rho": (
        "随机近似的对数行列式给 rho 带来 {size} 个标准误的误差"
    ),
    "tau + rho + eta = {sum}: stable": "tau + rho + eta = {sum}：稳定",
    "tau + rho + eta = {sum}: not stable: long-run effects mean nothing": (
        "tau + rho + eta = {sum}：不稳定，长期效应没有意义"
    ),
    "equal across units, so not lagged: {names}": "各单元取值相同，不作空间滞后：{names}",
    "effects are those of terms, not of {name}, which enters in {terms}: terms of one variable "
    "move together": (
        "所列为各项的效应，不是 {name} 的效应：{name} 进入 {terms}，同一变量的各项同时变动"
    ),
    "{model} could not be fitted: {reason}": "{model} 无法估计：{reason}",
    "no posterior probabilities: {reason}": "没有后验概率：{reason}",
    "{count} units have no neighbours: their spatial lags are zero": (
        "{count} 个单元没有邻居：其空间滞后为零"
    ),
    "If the groups were made from the outcome, these are associations: which unit is in which "
    "group then depends on the errors.": (
        "若分组由被解释变量得出，则这些只是关联：单元属于哪一组取决于误差。"
    ),
    "the bias of period dummies was taken off; the log-likelihood is uncorrected": (
        "已扣除时间虚拟变量的偏误；对数似然未作修正"
    ),
    "{count} different maxima were found; this is the highest": (
        "找到 {count} 个不同的极大值，此为最高者"
    ),
    "LR: {one} against {other}": "LR：{one} 对 {other}",
    "Wald: {one} against {other}": "Wald：{one} 对 {other}",
}
