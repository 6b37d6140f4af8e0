"""Reads the text of an HLO module: what XLA makes of a program, instruction by instruction."""

import re

# An instruction of the text of an HLO module, and the metadata that it may have.
INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<shape>\(.*?\)|\S+) (?P<opcode>[\w\-]+)\("
)
OP_NAME = re.compile(r'op_name="(?P<name>[^"]*)"')


def instructions(text):
    """Return a dict of the name of each instruction in an HLO module's text to (kind, shape).

    The kind is the opcode, and behind a slash the operation of JAX that it came from. Where that is
    not told, the instruction's own name without its number stands there, which says what XLA has
    fused.
    """
    found = {}
    for line in text.splitlines():
        told = INSTRUCTION.match(line)
        if told is None:
            continue
        name = OP_NAME.search(line)
        own = told.group("name")
        origin = name.group("name") if name else own.partition(".")[0]
        found[own] = told.group("opcode") + "/" + origin, told.group("shape")
    return found
