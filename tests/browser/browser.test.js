// Every story on one stage: `node --test browser.test.js`, with MISSION_BIN naming the program.
import { after, before, test } from "node:test";
import { Stage } from "./stage.js";
import { budget } from "./stories/budget.js";
import { console } from "./stories/console.js";
import { doors } from "./stories/doors.js";
import { hands } from "./stories/hands.js";
import { keyboard } from "./stories/keyboard.js";
import { looks } from "./stories/looks.js";
import { notifications } from "./stories/notifications.js";
import { packets } from "./stories/packets.js";
import { restart } from "./stories/restart.js";
import { scriptless } from "./stories/scriptless.js";
import { two } from "./stories/two.js";

const stage = {};
before(async () => Object.assign(stage, { it: await Stage.make() }), { timeout: 600_000 });
after(async () => stage.it?.down());

for (const story of [keyboard, hands, scriptless, two, packets, console, notifications, doors, looks, budget, restart]) story((name, tell) => test(name, { timeout: 600_000 }, () => tell(stage.it)));
