"""Whether a web server of the operator's lets a page do what it asks for, without I/O.

It is posted each request before that is carried out, and may refuse it; and it is told what happens. What is posted is
worded elsewhere: by `core.wcs.hooks`, in the only form that there is.

- `posts`: what is posted, and what a reply means
- `signature`: how the web server knows that it is us
- `breaker`: when it is not worth asking
"""
