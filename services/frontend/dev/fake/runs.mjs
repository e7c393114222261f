/** Walks a briefing through its steps, telling the stream about each. */
import { stories } from './texts.mjs';
import { iso } from './world.mjs';

const STEP_MS = 1300;
const plan = [
  ['collect', 'Collect the posts of the last hour', '2,418 posts by 1,886 people'],
  ['choose', 'Choose representative posts', '6 chosen in 4 languages'],
  ['compose', 'Compose the text', null],
  ['render', 'Make the PDF', null],
];

export function startRun(world, topic, tell) {
  const story = stories.find((candidate) => candidate.id === topic) ?? stories[0];
  const id = `run-${world.runs.length + 1}`;
  const now = iso(Date.now());
  const run = {
    id, kind: 'briefing', agent: null, pipeline: null, question: null, topic, title: `Briefing: ${story.label}`, status: 'queued', error: null,
    steps: plan.map(([name, title]) => ({ name, title, status: 'pending', started_at: null, finished_at: null, detail: null })),
    created_at: now, updated_at: now, attempts: 1, report: null, spend_nano_usd: 0,
  };
  world.runs.unshift(run);
  const fails = topic === 'comet' && world.runs.length % 2 === 1;
  setTimeout(() => step(world, run, story, 0, fails, tell), STEP_MS / 2);
  return run;
}

function step(world, run, story, index, fails, tell) {
  const now = iso(Date.now());
  run.updated_at = now;
  const previous = run.steps[index - 1];
  if (previous) Object.assign(previous, { status: 'done', finished_at: now, detail: plan[index - 1][2] });
  const current = run.steps[index];
  if (fails && index === 2) {
    Object.assign(current, { status: 'failed', started_at: now, finished_at: now, detail: 'too few posts' });
    Object.assign(run, { status: 'failed', error: 'Only two posts are stored about this topic; a briefing needs three.' });
  } else if (current) {
    run.status = 'running';
    Object.assign(current, { status: 'running', started_at: now });
    setTimeout(() => step(world, run, story, index + 1, fails, tell), STEP_MS);
  } else {
    const report = world.makeReport(story, `report-${run.id}`, Date.now());
    world.reports.unshift(report);
    Object.assign(run, { status: 'done', report: report.id });
  }
  tell(structuredClone(run));
}
