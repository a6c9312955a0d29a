FROM 127.0.0.1:1/a:1
RUN true
