"""A program: one side of a Diffie-Hellman exchange.

Reads generator, prime and the other's public number, in hexadecimal; writes the own one and the shared secret. Needs
nothing of this package, so that it starts quickly.
"""

import os
import sys
import warnings


def _main() -> None:
    os.nice(10)
    warnings.simplefilter("ignore")
    from cryptography.hazmat.primitives.asymmetric import dh

    generator, prime, theirs = (int(word, 16) for word in sys.stdin.read().split())
    numbers = dh.DHParameterNumbers(prime, generator)
    own = numbers.parameters().generate_private_key()
    shared = own.exchange(dh.DHPublicNumbers(theirs, numbers).public_key())
    print(f"{own.public_key().public_numbers().y:x} {shared.hex()}")


if __name__ == "__main__":
    _main()
