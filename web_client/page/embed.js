// @ts-check
/** The code that others need, with this server's address in it, coloured a little, to be copied. */

import { byId, make } from "./dom.js";
import { tabs } from "./tabs.js";

/** @param {string} origin @returns {Record<string, string>} */
function examples(origin) {
  const host = origin.replace(/^http/, "ws");
  return {
    html: `<script type="module" src="${origin}/talking-avatar.js"></script>

<talking-avatar src="${origin}"
                controls captions autoplay></talking-avatar>

<script type="module">
  const avatar = document.querySelector("talking-avatar");

  avatar.addEventListener("ready", async () => {
    await avatar.say("Hello! It is good to see you.");
    avatar.setEmotion("joy", 0.8, 5);
  });

  // when the user talks over it: stop, and learn what was heard
  const stop = async () => {
    const { position_s, heard_text } = await avatar.interrupt();
  };
</script>`,
    python: `import asyncio
from avatar_engine.client import connect


async def main():
    async with connect("${origin}") as avatar:
        print("watch it here:", avatar.watch_url)
        await avatar.say("Hello! It is good to see you.")
        await avatar.speak(your_voice(), sample_rate=24_000, text="Any voice will do.")


asyncio.run(main())`,
    curl: `# a session: its id, its token and its two addresses
curl -X POST ${origin}/v1/sessions \\
     -H "Content-Type: application/json" \\
     -d '{"avatar": "ava"}'

# picture and sound (WHEP): an SDP offer in, the answer out
curl -X POST "$WHEP_URL" --data-binary @offer.sdp \\
     -H "Content-Type: application/sdp" -H "Authorization: Bearer $TOKEN"

# speech and commands (WebSocket), here with websocat
echo '{"type": "say", "text": "Hello!"}' | websocat "${host}/v1/sessions/$ID/ws?token=$TOKEN"`,
  };
}

/** What gets a colour: comments, strings, tags, words of the languages. */
const TOKENS = new RegExp(
  [
    "(?<comment>//[^\\n]*(?<=\\s//[^\\n]*)|^\\s*#[^\\n]*)",
    "(?<string>\"[^\"\\n]*\"|'[^'\\n]*')",
    "(?<tag></?[a-z][\\w-]*|/?>)",
    "(?<word>\\b(?:const|await|async|import|from|def|with|as|new|curl|echo|websocat)\\b)",
  ].join("|"),
  "gm",
);

/** @param {string} code @returns {DocumentFragment} */
function coloured(code) {
  const all = document.createDocumentFragment();
  let at = 0;
  for (const match of code.matchAll(TOKENS)) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "";
    all.append(code.slice(at, match.index), make("span", { class: kind, text: match[0] }));
    at = match.index + match[0].length;
  }
  all.append(code.slice(at));
  return all;
}

export function embedding() {
  const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
  const codes = examples(base);
  for (const [name, code] of Object.entries(codes)) byId(`code-${name}`).append(coloured(code));
  let chosen = "html";
  tabs(byId("languages"), (tab) => {
    chosen = tab.id.replace("tab-", "");
  });
  const button = byId("copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copied(codes[chosen], byId(`code-${chosen}`))) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 1800);
  });
}

/**
 * @param {string} text
 * @param {HTMLElement} shown is selected where the clipboard is closed to us (plain http)
 */
async function copied(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}
