"""What a rule must fulfil beside its contract, for it to make sense."""

from huntaze_contracts.alerts import Rule

from huntaze_alerts.messages import SEVERITIES

SNAPSHOT_METRICS = {
    f"snapshot.{name}" for name in ("followers", "engagement", "posts", "reach", "impressions")
}
JOB_METRICS = {"job.finished", "job.seconds"}
USAGE_METRICS = {"apify.finished", "apify.items", "model.finished", "model.tokens", "spend.usd"}
MEASURED = {"job", "snapshot", "apify", "model", "spend"}
"""First words of metrics that are read where they arise; the migrations' `rule.source` says the same."""


class RuleInvalid(ValueError):
    """A rule contradicts itself; the message names the field."""


def check(rule: Rule, *, owner: str | None) -> None:
    """Refuse a rule that could never fire, never end, or see what is not its owner's.

    Raises:
        RuleInvalid: naming the field.
    """
    _check_levels(rule)
    _check_query(rule)
    if owner is not None:
        if rule.query.metric.partition(".")[0] in MEASURED - {"snapshot"}:
            raise RuleInvalid("query.metric: the workers' jobs and their costs are the platform's")
        if "@subject" in rule.channels or "subject" in rule.query.group_by:
            raise RuleInvalid("channels and query.groupBy: a user's rule has one subject, the user")
    elif rule.replaces is not None:
        raise RuleInvalid("replaces: only a user's rule replaces one of the platform's")


def _check_levels(rule: Rule) -> None:
    direction = 1 if rule.comparison in ("gt", "ge") else -1
    thresholds = [level.threshold * direction for level in rule.levels]
    ranks = [SEVERITIES.index(level.severity) for level in rule.levels]
    if thresholds != sorted(set(thresholds)) or ranks != sorted(set(ranks)):
        raise RuleInvalid("levels: each must be more severe, and further from normal, than the one before")
    if rule.clear is not None and rule.clear * direction > thresholds[0]:
        raise RuleInvalid("clear: it lies beyond the first threshold, so the alert would never end")
    if rule.repeat_max < rule.repeat:
        raise RuleInvalid("repeatMax: it is shorter than repeat")


def _check_query(rule: Rule) -> None:
    query = rule.query
    source = query.metric.partition(".")[0]
    if source == "job" and query.metric not in JOB_METRICS:
        raise RuleInvalid(f"query.metric: of jobs there are {', '.join(sorted(JOB_METRICS))}")
    if source == "snapshot" and query.metric not in SNAPSHOT_METRICS:
        raise RuleInvalid(f"query.metric: of snapshots there are {', '.join(sorted(SNAPSHOT_METRICS))}")
    if source in {"apify", "model", "spend"} and query.metric not in USAGE_METRICS:
        raise RuleInvalid(f"query.metric: of usage there are {', '.join(sorted(USAGE_METRICS))}")
    if (query.aggregation == "change") != (query.baseline > 0):
        raise RuleInvalid("query.baseline: needed for 'change', and for nothing else")
    if (query.aggregation == "ratio") != bool(query.part):
        raise RuleInvalid("query.part: needed for 'ratio', and for nothing else")
    if query.aggregation == "percentile" and (source in MEASURED and query.metric != "job.seconds"):
        raise RuleInvalid("query.aggregation: there are percentiles of timings and of job.seconds only")
