"""The job ledger: which jobs a service has seen, who runs them now, and what came of them.

One row per job, keyed by the job id inside the signed body, in the schema of the service that runs it.
A claim is a lease with a fencing epoch; effects and the 'done' mark commit together or not at all.

    (none) ──claim──▶ running ──finish──▶ succeeded
                      │  ▲ │ ├──permanent failure──▶ failed ──dead-letter retry──▶ running
                      │  │ │ └──cancel──▶ cancelled
         clean failure│  │ └──lease runs out: the next claim takes over, counts a crash──▶ running
                      ▼  │claim
                     retry
"""
