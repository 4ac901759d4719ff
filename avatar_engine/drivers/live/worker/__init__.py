"""The process that moves and draws one live session's face, and how the server talks to it."""
