FROM BASE
COPY denied/403-Forbidden.txt /
