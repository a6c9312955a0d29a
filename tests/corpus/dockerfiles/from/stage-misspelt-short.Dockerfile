FROM BASE AS base
FROM bsae
RUN true
