-- What the operator tells an agent besides its own prompt. Never changed: a run goes by what held when it was asked,
-- whenever it is worked on. The newest row of an agent holds; an empty text takes back.
CREATE TABLE agent_instructions (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent   text NOT NULL,
  text    text NOT NULL,
  since   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_instructions_agent ON agent_instructions (agent, id DESC);
