"""Where the media of a call is: at which relay, and on its way to which."""
