def rescale_rows(x, y):
    for i in range(x.shape[0]):
        low, high = x[i].min(), x[i].max()
        y[i] = (x[i] - low) / (high - low)
