#!/bin/sh
FROM BASE
ENV A=1
