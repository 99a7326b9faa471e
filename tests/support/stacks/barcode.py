"""Pictures that can be told apart: the barcode of tests/support/probe.mjs over the top three tenths of a grey picture,
a square that moves, and a lower quarter that is white while a beep sounds.

As a program: barcode.py COUNT RATE writes that many pictures, one after the other, as raw bytes."""
import sys

WIDTH, HEIGHT = 256, 160
SIDE = WIDTH // 16
ROW = HEIGHT * 3 // 10 // 3
# Of each second, what is flash and beep.
BEEP = 0.1


def _check(high, middle, low):
    return (high * 7 + middle * 13 + low * 31 + 0x5A) & 0xFF


def draw(number, clock_ms, flash):
    clock, frame = int(clock_ms) % 2**24, number % 2**16
    code = clock << 24 | frame << 8 | _check(clock >> 16, clock & 0xFFFF, frame)
    lines = []
    for row in range(3):
        word = code >> (32 - 16 * row) & 0xFFFF
        lines += [b"".join((b"\xff" if word >> (15 - bit) & 1 else b"\0") * SIDE for bit in range(16))] * ROW
    at = number * 4 % (WIDTH - SIDE)
    lines += [b"\x40" * at + b"\xc0" * SIDE + b"\x40" * (WIDTH - SIDE - at)] * (HEIGHT * 3 // 4 - 3 * ROW)
    lines += [(b"\xff" if flash else b"\0") * WIDTH] * (HEIGHT // 4)
    return b"".join(lines)


def read(plane, stride, width, height):
    """The number of the picture, or None if its check sum is wrong."""
    code = 0
    for row in range(3):
        y = (2 * row + 1) * height // 20
        for bit in range(16):
            code = code << 1 | (plane[y * stride + (2 * bit + 1) * width // 32] > 127)
    clock, frame = code >> 24, code >> 8 & 0xFFFF
    return frame if _check(clock >> 16, clock & 0xFFFF, frame) == code & 0xFF else None


if __name__ == "__main__":
    count, rate = int(sys.argv[1]), int(sys.argv[2])
    for n in range(count):
        sys.stdout.buffer.write(draw(n, n * 1000 // rate, n / rate % 1 < BEEP))
