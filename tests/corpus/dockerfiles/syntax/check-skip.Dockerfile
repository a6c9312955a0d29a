# check=skip=MultipleInstructionsDisallowed
FROM BASE
CMD a
CMD b
