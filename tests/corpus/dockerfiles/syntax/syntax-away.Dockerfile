# syntax=127.0.0.1:1/docker/dockerfile:1
FROM BASE
