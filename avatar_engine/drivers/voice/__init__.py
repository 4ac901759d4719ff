"""Where words come from and what says them: voices (text -> speech) and chat relays (text -> answer).

`interface` is what the rest of the engine sees; `build.build_voice` and `build.build_chat` choose by the
environment. Nothing here knows a session, a face or a network server of ours.
"""
