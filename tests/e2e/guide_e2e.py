"""The pages of docs/guide are true: each console block is typed into a shell, and prints what the page says."""

import os
import re
import subprocess

from harness import Node, Repository, add_processor, main, workplace

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "guide")

DEMO = '''
def t(*args):
    return list(args)

def fail(*args):
    raise ValueError("no")

def two(a, b):
    return [a, b]
'''


def steps_of(page):
    """(command, what it prints) of each console block of a page, in order."""
    with open(os.path.join(GUIDE, page), encoding="utf-8") as file:
        blocks = re.findall(r"^```console\n(.*?)^```", file.read(), re.S | re.M)
    return [part.split("\n", 1) for block in blocks for part in re.split(r"^\$ ", block, flags=re.M) if part]


def workflows_are_as_the_page_says(bin_dir):
    """docs/guide/workflows.md, line by line, in one shell"""
    with workplace("guide") as directory:
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "demo", Repository(directory, name="demo", demo=DEMO), module="demo")
        env = dict(os.environ, PATH=bin_dir + ":" + os.environ["PATH"], FLOW_ADDRESS=node.address,
                   FLOW_TOKEN_FILE=os.path.join(node.data, "admin.token"), FLOW_CONFIG_DIR=os.path.join(directory, "config"))
        steps = steps_of("workflows.md")
        assert len(steps) > 10
        marker = "-- end of step --"
        script = "".join(f"{command}\nprintf '%s\\n' '{marker}'\n" for command, _ in steps)
        done = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, env=env, capture_output=True, text=True, timeout=300)
        printed = done.stdout.split(marker + "\n")
        for (command, wanted), got in zip(steps, printed):
            assert got == wanted, f"{command}\nprinted:\n{got}\nthe page says:\n{wanted}\n{done.stderr}"
        assert len(printed) == len(steps) + 1
        assert node.stop() == 0


main([workflows_are_as_the_page_says])
