-- What happened to a job, for those who look at it; and the jobs that are not done, found without the others.

ALTER TABLE job ADD COLUMN timeline jsonb NOT NULL DEFAULT '[]';

CREATE INDEX job_unsettled ON job (state, first_seen_at DESC, job_id DESC) WHERE state <> 'succeeded';
