package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Everything works without these calls, only slower: so only this tells that they are missing. */
@EnabledOnOs(
        value = OS.LINUX,
        architectures = {"amd64", "aarch64"})
class LibcTest {
    @Test
    void theFunctionsCanBeCalled() {
        assertThat(Libc.isAvailable()).isTrue();
    }

    @Test
    void whatTheyNeedIsUnpackedWhereTheJvmPutsTemporaryFiles() {
        Libc.isAvailable();

        assertThat(System.getProperty("jna.tmpdir")).isEqualTo(System.getProperty("java.io.tmpdir"));
    }
}
