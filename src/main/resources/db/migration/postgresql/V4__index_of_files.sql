-- After each failure of a definition's import its older failures are looked for by the names of the files. By hash, because a path
-- may be too long for the other kind of index. Parts of names are looked for in the whole table, which PostgreSQL reads quickly.

CREATE INDEX JOB_PARAMS_FILES_IDX ON BATCH_JOB_EXECUTION_PARAMS USING hash (PARAMETER_VALUE)
	WHERE PARAMETER_NAME IN ('dump', 'image');
