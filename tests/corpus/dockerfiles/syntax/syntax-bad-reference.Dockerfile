# syntax=Docker/Dockerfile:1:2
FROM BASE
