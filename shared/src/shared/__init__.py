"""What two services would otherwise disagree on, and nothing else.

Pure: `messages`, `subjects`, `records`, `errors`, `ids`, `sealing`.
I/O: `bus`, `kv`, `presence`, `settings`, `logs`, `metrics`, `health`, `tasks`, `process`, `reloaded_file`.
"""
