// The story with real agents, on a stage of its own: `node --test agents.test.js`, with MISSION_BIN naming the program.
import { after, before, test } from "node:test";
import { Agents } from "./agents.js";
import { agents } from "./stories/agents.js";

const stage = {};
before(async () => Object.assign(stage, { it: await Agents.make() }), { timeout: 600_000 });
after(async () => stage.it?.down());

agents((name, tell) => test(name, { timeout: 600_000 }, () => tells(tell)));

/** Tells the story; where it fails, how everything stands is told too. */
async function tells(tell) {
  try {
    await tell(stage.it);
  } catch (error) {
    console.error(await stage.it.told());
    throw error;
  }
}
