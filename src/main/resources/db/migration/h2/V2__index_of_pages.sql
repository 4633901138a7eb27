-- The history is asked for in pages, the newest import first. Without this the database looks up and sorts all for each page.

CREATE INDEX IF NOT EXISTS JOB_INST_PAGE_IDX ON BATCH_JOB_INSTANCE (JOB_NAME, JOB_INSTANCE_ID DESC);
