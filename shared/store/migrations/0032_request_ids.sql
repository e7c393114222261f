-- Under which request a run was asked for, and which a question to a language model followed from: the same word as on the
-- log lines of API and worker. NULL for what nobody asked for (schedules).
ALTER TABLE run ADD COLUMN request_id text;
ALTER TABLE llm_call ADD COLUMN request_id text;
