FROM BASE
CMD --foo sh
