-- PostgreSQL makes no index for a foreign key, as H2 does. Without them each attempt that is looked up or taken out costs a look at
-- all rows, and to prune a history of ten thousand imports takes minutes.

CREATE INDEX JOB_INST_EXEC_FK_IDX ON BATCH_JOB_EXECUTION (JOB_INSTANCE_ID);
CREATE INDEX JOB_EXEC_PARAMS_FK_IDX ON BATCH_JOB_EXECUTION_PARAMS (JOB_EXECUTION_ID);
CREATE INDEX JOB_EXEC_STEP_FK_IDX ON BATCH_STEP_EXECUTION (JOB_EXECUTION_ID);
