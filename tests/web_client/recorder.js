// Keeps every event of the page's avatar in window.seen, and says it on the console for who must not touch the page.
window.seen = [];
const avatar = document.querySelector("talking-avatar");
const types = ["ready", "speaking", "interrupted", "emotion", "error", "state", "caption", "connection", "microphone"];
for (const type of types) {
  avatar.addEventListener(type, ({ detail }) => {
    const { error, problem, ...rest } = detail;
    window.seen.push({ type, ...rest, ...(problem && { problem: problem.code }) });
    console.debug(`avatar ${type}`);
  });
}
document.addEventListener("securitypolicyviolation", (event) => {
  window.seen.push({ type: "csp", what: event.violatedDirective });
});
