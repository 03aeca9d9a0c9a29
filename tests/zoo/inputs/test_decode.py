import subprocess
import sys

from zoo.inputs import decode, image


def test_decoding_needs_no_torch():
    code = "import sys, zoo.inputs.decode; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_training_decodes_by_the_same_lines():
    assert image.read_image is decode.read_image
