cdef enum:
    # An element that is streamed through an addition or two takes the time of about so many
    # multiply-adds in a register tile.
    ELEMENT_WORK = 4


cdef int threads_for(double work) noexcept nogil
