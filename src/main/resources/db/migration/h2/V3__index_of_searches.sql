-- The history is searched by parts of the names of dump, image and snapshot, and by files. H2 finds that in this index without the
-- rows themselves, which have all the other parameters of each attempt between them.

CREATE INDEX IF NOT EXISTS JOB_PARAMS_SEARCH_IDX
	ON BATCH_JOB_EXECUTION_PARAMS (PARAMETER_NAME, PARAMETER_VALUE, IDENTIFYING, JOB_EXECUTION_ID);
