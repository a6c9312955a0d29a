FROM nobody.invalid/a:1
RUN true
