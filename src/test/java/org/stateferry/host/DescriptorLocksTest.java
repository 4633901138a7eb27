package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.testing.OpenFiles;

/** Locks that belong to a descriptor. */
@EnabledOnOs(OS.LINUX)
class DescriptorLocksTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void makeAFile() throws IOException {
        file = Files.write(folder.resolve("file"), new byte[10]);
        try (LinuxFile linux = open(Access.READ)) {
            assumeTrue(linux.locks().arePossible(), "this system has no such locks");
        }
    }

    private LinuxFile open(Access access) throws IOException {
        return OpenFiles.regular(file, Links.STAY, access);
    }

    @Test
    void excludeThoseOfAnotherDescriptorInThisProcess() throws Exception {
        try (LinuxFile first = open(Access.WRITE);
                LinuxFile second = open(Access.WRITE)) {
            assertThat(first.locks().tryLock(100, 104, false)).isTrue();
            assertThat(first.locks().tryLock(100, 104, false)).as("once more").isTrue();
            assertThat(second.locks().tryLock(203, 1, false)).isFalse();
            assertThat(second.locks().tryLock(100, 1, true)).isFalse();
            assertThat(second.locks().tryLock(204, 1, false)).isTrue();
            assertThat(second.locks().isHeldByAnother(150, 1)).isTrue();
            assertThat(first.locks().isHeldByAnother(150, 1)).isFalse();

            first.close();
            assertThat(second.locks().isHeldByAnother(150, 1)).isFalse();
        }
    }

    @Test
    void areSharedIfAskedFor() throws Exception {
        try (LinuxFile first = open(Access.READ);
                LinuxFile second = open(Access.READ);
                LinuxFile writer = open(Access.WRITE)) {
            assertThat(first.locks().tryLock(100, 1, true)).isTrue();
            assertThat(second.locks().tryLock(100, 1, true)).isTrue();
            assertThat(writer.locks().tryLock(100, 1, false)).isFalse();
            assertThat(second.locks().isHeldByAnother(100, 1)).isTrue();
            assertThatThrownBy(() -> first.locks().tryLock(101, 1, false)).hasMessageContaining(file.toString());
        }
    }

    @Test
    void endWithTheirDescriptorAlone() throws Exception {
        try (LinuxFile locked = open(Access.WRITE)) {
            assertThat(locked.locks().isListed(100, 203)).isFalse();
            locked.locks().tryLock(100, 104, false);
            assertThat(locked.locks().isListed(100, 203)).isTrue();

            open(Access.WRITE).close();
            FileChannel.open(file, StandardOpenOption.WRITE).close();
            locked.channel(StandardOpenOption.READ, StandardOpenOption.WRITE).close();
            assertThat(locked.locks().isListed(100, 203)).isTrue();
            assertThat(locked.locks().isListed(100, 204)).isFalse();

            DescriptorLocks locks = locked.locks();
            locked.close();
            assertThat(locks.isListed(100, 203)).isFalse();
            assertThat(locks.arePossible()).isFalse();
        }
    }

    @Test
    void excludeAndAreExcludedByThoseOfTheProcess() throws Exception {
        try (LinuxFile linux = open(Access.WRITE);
                FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            assertThat(channel.tryLock(101, 1, false)).isNotNull();
            assertThat(linux.locks().tryLock(100, 104, false)).isFalse();
            assertThat(linux.locks().isHeldByAnother(101, 1)).isTrue();
            assertThat(linux.locks().tryLock(150, 10, false)).isTrue();
            assertThat(channel.tryLock(155, 1, false)).isNull();
        }
    }
}
