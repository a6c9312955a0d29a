FROM BASE AS runtime
FROM runtme
RUN true
